"""Too little data, too much, or half a file."""
