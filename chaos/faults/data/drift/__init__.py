"""The world changes, or seems to."""
