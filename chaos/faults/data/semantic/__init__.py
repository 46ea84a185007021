"""Values are right each for itself, and wrong where they stand."""
