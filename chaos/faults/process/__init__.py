"""Processes die or stall."""
