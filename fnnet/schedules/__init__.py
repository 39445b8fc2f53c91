"""Learning rates as functions of the number of steps done: values that print, compare, pickle and compose.

The public names are in ``fnnet/__init__.pyi``.
"""
