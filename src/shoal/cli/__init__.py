"""Commands of the shell: ``shoal scheduler``, ``shoal worker``."""
