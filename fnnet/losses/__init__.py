"""Losses, one file a family; the public names stand in ``fnnet/__init__.py``."""
