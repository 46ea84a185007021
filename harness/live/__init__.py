"""Real processes on this machine: their ports, their supervision, and the file that says what is left to end."""
