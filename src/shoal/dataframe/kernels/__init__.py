"""Functions on one partition, or on a few: what tasks call."""
