"""The client's side of the cluster as data: which results it wants, and what became of them.

Pure, like the other two state machines: no sockets, threads or clocks.
"""
