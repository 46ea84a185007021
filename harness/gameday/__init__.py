"""The gameday runner: people in front of a live console while scenarios are played, and what came of it."""
