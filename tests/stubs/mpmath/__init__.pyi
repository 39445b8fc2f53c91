"""The part of mpmath (which ships no types) that the tests use."""

from typing import Any

mp: Any
"""The context of numbers with any number of digits, and its functions."""
