"""In place of the real one: nothing to build."""
