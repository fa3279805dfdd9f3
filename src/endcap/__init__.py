"""Endcap: real-time product recommendations for shops."""

__version__ = "1.0.0"
