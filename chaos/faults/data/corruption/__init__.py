"""Values are damaged."""
