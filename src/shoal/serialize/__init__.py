"""Functions, arguments, results and exceptions as bytes, and back.

Pure functions: nothing here opens a file or a socket, and nothing knows of tasks.
"""
