"""Places where a scenario can run."""
