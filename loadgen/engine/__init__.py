"""The child process: one fresh interpreter that drives the streams of one cell.

``python -m loadgen.engine`` reads a Cell as one JSON line on stdin, says Ready, waits for ``{"go": mark}``, and
sends frames on stdout until Done. While it runs it takes orders, one JSON object per line:
``{"streams": n}`` (that many slots from now on) and ``{"stop": true}`` (end every stream now).
"""
