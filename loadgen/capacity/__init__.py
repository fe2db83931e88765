"""Searches for the most streams that each client carries within a budget.

:mod:`readings` compares one cell with the budget, :mod:`search` decides which cell comes next, :mod:`curves` fits the
limit and finds where two clients cross, :mod:`measure` runs the cells, :mod:`terminal` shows them while it runs, and
:mod:`document` is the result, in the words of :mod:`sentences`.
"""
