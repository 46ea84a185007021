"""Values are wrong."""
