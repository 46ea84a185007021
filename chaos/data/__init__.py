"""The vectorised engine behind the data faults: numpy kernels on Arrow-layout buffers."""
