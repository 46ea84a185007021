"""Load that faults put on a service."""
