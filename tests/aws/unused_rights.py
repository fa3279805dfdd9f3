"""Rights that no call of ``test_terraform_dev.py`` needs: by function, with the reason."""

from __future__ import annotations

UNUSED: dict[str, dict[str, str]] = {}
