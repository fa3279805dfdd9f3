"""What every operation of the control plane is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from endcap.control.registry.arns import Place
from endcap.control.registry.resource import Resource, Work
from endcap.control.registry.store import Registry
from endcap.ports import Documents

# The wire's members in, those of the answer out; ``at`` is now, µs.
Operation = Callable[["Control", Mapping[str, Any], int], dict[str, Any]]


@dataclass(frozen=True)
class Control:
    """``shops``: names of the shops that exist, whoever made them. ``documents``: a shop's own.
    ``wake``: tells the registrar that there is work."""

    registry: Registry
    shops: Callable[[], Sequence[str]]
    wake: Callable[[], None]
    documents: Callable[[str], Documents]

    def elsewhere(self, place: Place) -> Control:
        """The same for another region or account."""
        return replace(self, registry=self.registry.elsewhere(place))

    def begin(self, resource: Resource, action: str, at: int) -> None:
        """Ask for work on a resource that was written with a status that says so."""
        self.registry.ask(Work(resource.arn, action, at))
        self.wake()
