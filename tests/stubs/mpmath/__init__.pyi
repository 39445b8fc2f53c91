"""mpmath, which has no types of its own."""

from typing import Any

mp: Any
mpf: Any
