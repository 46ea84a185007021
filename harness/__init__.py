"""The harness: scenarios, simulator, targets, runner, scoring and reports."""
