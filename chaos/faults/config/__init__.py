"""What a service is told to do changes: settings, keys, credentials."""
