"""A file per API that the simulator speaks: its routes, and how it words its answers."""
