"""The online feature store."""
