"""A comparison of two runs, or of two clients of one, in four forms side by side: terminal, HTML, Markdown and JSON.

Each is a file with ``render(view)``; they share the sentences and nothing else.
"""

from loadgen.report.comparison.view import ComparisonView

__all__ = ["ComparisonView"]
