"""The feed gateway: an HTTP hop between a source and ingestion that carries out faults on batches."""
