"""What the model learns from is wrong."""
