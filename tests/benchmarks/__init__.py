"""Figures, measured by hand and never in the test suite: ``python -m tests.benchmarks.NAME``."""
