"""The reference pipeline on real processes: one a service, on loopback, every link through the fault proxy."""
