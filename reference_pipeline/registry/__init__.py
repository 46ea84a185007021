"""The signed model registry."""
