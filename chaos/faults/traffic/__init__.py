"""The requests of users, and of those who are none."""
