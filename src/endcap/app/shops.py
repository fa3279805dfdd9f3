"""The dataset groups that one process holds open, at most so many: the Personalize API speaks of
any of them, and each is a shop of its own.

Used from one event loop; a group is opened in a thread beside it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from endcap.app.intake import Intake
from endcap.app.shop import Shop
from endcap.control.registry.arns import GROUP, parse
from endcap.control.registry.groups import Group
from endcap.control.registry.statuses import DELETE_PENDING, DELETING
from endcap.control.registry.store import Registry
from endcap.domain.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from endcap.app.function_intake import FunctionIntake

# (shop) → what its folder is; another after it was removed and made anew; None: there is none.
Standing = Callable[[str], Hashable]


@dataclass
class Opened:
    """A group that is open here. ``kept``: what was made of this opening, for as long as it is
    open, by whoever made it."""

    shop: Shop
    intake: Intake | FunctionIntake
    standing: Hashable = None
    kept: dict[str, object] = field(default_factory=dict)


def unattended(shop: Shop) -> None:
    """Nobody takes up what is published."""


class Shops:
    """``opener``: opens a group by its shop's name, in a thread. ``most``: how many may be open
    beside ``own``, which stays. ``attend``: told, on the loop, of each that was opened."""

    def __init__(
        self,
        registry: Registry,
        opener: Callable[[str], Shop],
        standing: Standing,
        most: int,
        own: Opened | None = None,
        attend: Callable[[Shop], None] = unattended,
    ) -> None:
        self.registry = registry
        self._opener, self._standing, self._most = opener, standing, most
        self._own, self._attend = own, attend
        self._held: OrderedDict[str, Opened] = OrderedDict()  # asked longest ago first
        self._opening: dict[str, asyncio.Task[Opened]] = {}

    async def get(self, group: str) -> Opened:
        """``group``: the ARN of a dataset group, or the name of a shop. What comes back stays good
        for whoever holds it, also when it is closed here meanwhile.

        Raises NotFound (no_resource), InvalidInput (bad_arn, arn_of_other_kind) and what opening
        a shop raises.
        """
        name = self.shop_of(group) if group.startswith("arn:") else group
        if self._own is not None and name == self._own.shop.group:
            return self._own
        held = self._held.get(name)
        if held is not None:
            if held.standing == self._standing(name):
                self._held.move_to_end(name)
                return held
            self._close(name)
        if not group.startswith("arn:") and self._standing(name) is None:
            raise NotFound("no_resource", field="datasetGroupArn", value=group, kind=GROUP)
        task = self._opening.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._open(name))
            self._opening[name] = task
            task.add_done_callback(lambda _: self._opening.pop(name, None))
        return await asyncio.shield(task)  # who goes away meanwhile leaves it to the others

    def shop_of(self, arn: str, field: str = "datasetGroupArn") -> str:
        """The name of the shop behind a group's ARN, whether the API made it or not.

        Raises NotFound (no_resource), InvalidInput (bad_arn, arn_of_other_kind)."""
        at = parse(arn, field)
        if at.kind != GROUP:
            raise InvalidInput("arn_of_other_kind", field=field, value=arn, permitted=GROUP)
        found = self.registry.elsewhere(at.place).written(Group, arn)
        if found is not None and found.status not in (DELETE_PENDING, DELETING):
            return found.shop
        if "/" in at.key or self._standing(at.key) is None or self._is_of_api(at.key):
            raise NotFound("no_resource", field=field, value=arn, kind=GROUP)
        return at.key

    def _is_of_api(self, shop: str) -> bool:
        """Whether a group of the registry, of whatever region, keeps its data in this shop."""
        documents, after = self.registry.documents, ""
        while page := documents.query(Group.KIND, after=after, limit=500):
            if any(document.body["shop"] == shop for document in page):
                return True
            after = page[-1].key
        return False

    def held(self) -> list[Opened]:
        """All that are open, without ``own``."""
        return list(self._held.values())

    def refresh(self) -> list[Exception]:
        """Apply to each what any process has written; what went wrong."""
        failures: list[Exception] = []
        for opened in self.held():
            try:
                opened.shop.refresh()
            except Exception as error:
                failures.append(error)
        return failures

    async def _open(self, name: str) -> Opened:
        shop = await asyncio.to_thread(self._opener, name)
        opened = Opened(shop, Intake(shop), self._standing(name))
        self._attend(shop)
        self._held[name] = opened
        self._close_some(name)
        return opened

    def _close_some(self, newest: str) -> None:
        """Down to ``most``, those asked longest ago first; neither ``newest`` nor one in which
        somebody waits for a write."""
        spare = len(self._held) - self._most
        idle = [
            name
            for name, held in self._held.items()
            if name != newest and not held.intake.waiting[0]
        ]
        for name in idle[: max(spare, 0)]:
            self._close(name)

    def _close(self, name: str) -> None:
        """Files and maps go with the last who holds the shop."""
        closed = self._held.pop(name, None)
        if closed is not None:
            closed.shop.on_pointer = lambda: None
            closed.kept.clear()
