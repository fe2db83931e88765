"""The parent: plans the cells, runs one engine per cell, watches it from outside, writes the run."""
