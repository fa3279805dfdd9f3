"""What a shop has published, as a function sees it that has neither its log nor its lake: the
newest snapshot and the model that serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from endcap.app.reloading import POINTERS, Loaded, load_published
from endcap.app.shop import SNAPSHOT
from endcap.control.campaigns import campaign
from endcap.domain.errors import Unavailable
from endcap.engine.moment import Live
from endcap.engine.state import StateLimits
from endcap.ports import Artifacts, Documents, VectorIndex


@dataclass
class Published:
    """Opened once and kept; ``look`` follows what is published later."""

    documents: Documents
    artifacts: Artifacts
    limits: StateLimits
    vectors: VectorIndex | None = None
    names: tuple[str, str] | None = None
    loaded: Loaded | None = None
    count: Callable[..., None] = lambda *_, **__: None  # as ``Telemetry.count``

    def look(self) -> Live:
        """What answers now. Loads only where a pointer has moved since the last look.

        Raises what the stores raise, unless something is loaded already.
        """
        try:
            names = published(self.documents)
        except Unavailable:
            if self.loaded is None:
                raise
            return self.loaded.live
        if self.loaded is None or names != self.names:
            self.loaded = load_published(self.documents, self.artifacts, self.limits)
            self.names = names
            for failure in self.loaded.failures:
                self.count("load_failures_total", code=failure.code)
        return self.loaded.live


def published(documents: Documents) -> tuple[str, str]:
    """The names of the version that serves and of the snapshot in force; "" for none."""
    pointer = documents.get(POINTERS, SNAPSHOT)
    return campaign(documents).version, str(pointer.body["name"]) if pointer else ""
