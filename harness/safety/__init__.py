"""Nothing that Pipequake breaks stays broken: the watchdog, the rescue, the lock of a target, the stop file."""
