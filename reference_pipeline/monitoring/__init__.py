"""Checks, set from fault-free history, and alerts."""
