"""The child process: one fresh interpreter that drives the streams of one cell.

``python -m loadgen.engine`` reads a Cell as one JSON line on stdin, sends Ready, waits for ``{"start": mark}``, and
sends frames on stdout until Done. Streams start as the cell's load says. While the engine runs it takes commands, one
JSON object per line:

``{"stop": true}``
    End every stream now, and then the engine.
``{"streams": n, "grace": seconds}``
    For a closed load without duration, requests or stages, which has no schedule and ends when it is stopped: run
    slots 0 to n - 1 from now on. Those above start no new stream, and end the one they have after ``grace``
    seconds (0 by default).
``{"add": [slot, ...]}``
    Run these slots of a closed load too, because the engine that had them was lost: those whose time has come begin
    now, the others when they are due. Slots that this engine has already are ignored.

When a command starts more than a few slots at once, they are spread over the next second, seeded, lest they all connect
at one instant.
"""
