"""Starting and stopping clusters: on this machine, and through whatever else starts processes."""
