"""The shape of the data changes."""
