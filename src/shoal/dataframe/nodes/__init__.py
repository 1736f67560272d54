"""What a frame computes, as nodes that rules can read; see `shoal.dataframe.nodes.base`."""
