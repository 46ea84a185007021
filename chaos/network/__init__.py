"""Faults of the bytes between two services."""
