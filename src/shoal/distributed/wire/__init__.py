"""Messages as frames of bytes, and back: pure, without sockets, threads or time.

`frames` cuts a stream of bytes into frames, `codec` turns structs into the control part of a frame
and back, `limits` says how large anything may be.
"""
