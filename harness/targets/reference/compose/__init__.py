"""The reference pipeline in containers: `docker-compose.yml`, driven through the engine's API."""
