"""shoal: parallel and distributed computing in Python."""
