"""The after-action report: what people and what monitors saw, side by side, from the log and the scorecard."""
