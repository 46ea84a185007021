"""Somebody changes training data on purpose."""
