"""Faults, the engine that applies and reverts them, and the surfaces that they act on."""
