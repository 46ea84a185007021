"""What measures the target while it runs."""
