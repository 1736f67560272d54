"""The dashboard: what happens in a cluster, for people, in a browser.

The scheduler only waits at the dashboard's address (`shoal.distributed.node.door`).  The first
visitor makes it start a process, which takes over the listening socket, connects to the scheduler
as a client does, and asks it for what is new (`source`) two or three times a second, as long as
somebody looks.  From that it keeps a `model`, of which `views` are pure functions; what a page has
not been sent yet goes to it as `delta`.  So pages cost the scheduler a few milliseconds a second,
and nothing at all when nobody looks.

The same model and views make reports (`report`), findings (`findings`) and traces (`trace`) for
clients.
"""
