"""A machine's clock is wrong."""
