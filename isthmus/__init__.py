"""Isthmus: one intelligence layer for every device and every jurisdiction."""

__version__ = "0.1.0"
