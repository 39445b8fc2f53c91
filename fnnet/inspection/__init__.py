"""Inspecting networks: their layers, and what happens in a pass."""
