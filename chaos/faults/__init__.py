"""The built-in faults, one a file, in a folder a family."""
