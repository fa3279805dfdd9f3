"""Intervals, bootstrap and paired tests. Pure functions over arrays; seeds are arguments."""
