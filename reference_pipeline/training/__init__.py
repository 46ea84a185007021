"""Nightly training with a validation gate."""
