"""The shells: processes and threads in which the state machines' effects become I/O.

The state machines decide and these act: they open connections, run users' functions, write files
and start processes.
"""
