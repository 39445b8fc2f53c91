"""Optimizers, one file each; the public names stand in ``fnnet/__init__.py``."""
