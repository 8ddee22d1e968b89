"""The local server: HTTP over a socket of this machine, and what it keeps beside it."""
