"""What the registry keeps and serving loads is not what was trained."""
