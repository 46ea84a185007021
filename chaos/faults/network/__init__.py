"""The bytes between services suffer."""
