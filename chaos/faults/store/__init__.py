"""The feature store fails."""
