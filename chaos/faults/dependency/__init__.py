"""What a service depends on breaks."""
