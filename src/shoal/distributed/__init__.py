"""The cluster: one scheduler, many workers, clients."""
