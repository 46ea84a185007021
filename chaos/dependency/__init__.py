"""Faults of the libraries that a service imports."""
