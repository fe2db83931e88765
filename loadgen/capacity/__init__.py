"""Searches for the most that a client carries within a budget, or a server within objectives.

:mod:`readings` compares one cell with a budget, :mod:`objectives` with objectives, :mod:`search` decides which cell
comes next and :mod:`loads` how long it lasts, :mod:`curves` fits the limit and finds where two clients cross,
:mod:`server` says whose limit it is, :mod:`measure` runs the cells, :mod:`terminal` shows them while it runs, and
:mod:`document` is the result, in the words of :mod:`sentences` and :mod:`server_sentences`.
"""
