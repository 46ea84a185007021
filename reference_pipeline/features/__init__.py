"""Features: one definition, an online store and its point-in-time-correct offline twin."""
