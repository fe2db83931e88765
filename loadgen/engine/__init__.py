"""The child process: one fresh interpreter that drives the streams of one cell.

``python -m loadgen.engine`` reads a Cell as one JSON line on stdin, says Ready, waits for ``{"go": mark}``, and
sends frames on stdout until Done. A slot runs stream after stream, in the intervals of the cell's schedule. While
the engine runs it takes orders, one JSON object per line:

``{"stop": true}``
    End every stream now, and then the engine.
``{"streams": n, "grace": seconds}``
    For a load without duration, requests or stages, which has no schedule and does not end before it is stopped:
    slots 0 to n - 1 from now on. Those above start no new stream, and end the one they have after ``grace``
    seconds (left out: at once).
``{"add": [slot, ...]}``
    These slots of the cell's schedule too, because the engine that had them was lost: those whose interval runs
    begin now, the others at their time. What this engine has already it does not get twice.

More than a few slots that an order begins now are spread over the next second, seeded, lest they all connect at
one instant.
"""
