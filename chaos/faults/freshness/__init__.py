"""Data come late, or not at all."""
