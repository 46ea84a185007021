"""Jobs, retries and runbooks."""
