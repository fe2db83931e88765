"""A file for each API that the simulator speaks: its routes, and how its requests are read."""
