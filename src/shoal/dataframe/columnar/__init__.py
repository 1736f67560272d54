"""The columnar kernel: expressions that Polars runs, from the scan to the result."""
