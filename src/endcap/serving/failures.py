"""Defects: what the log gets of them."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

log = logging.getLogger("endcap.serving")


def note(error: Exception) -> None:
    """Log the kind and the place of a defect: messages may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    log.error("request failed", extra={"facts": {"kind": type(error).__name__, "where": where}})
