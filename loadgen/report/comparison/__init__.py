"""A comparison of two runs, or of two clients of one: a document, and JSON."""

from loadgen.report.comparison.view import ComparisonView

__all__ = ["ComparisonView"]
