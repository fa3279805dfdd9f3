"""Changing API keys, announced through the log, and the ring of keys that a worker holds."""

from __future__ import annotations

from collections.abc import Callable

from endcap.app.intake import write
from endcap.app.shop import KEYS, Shop
from endcap.control.access import Access
from endcap.control.api_keys import ApiKey, api_keys, check
from endcap.domain.records import Pointed
from endcap.engine.moment import Live


def change(shop: Shop, at: int, act: Callable[[], ApiKey]) -> ApiKey:
    """``act`` (one of ``control.api_keys``), then tell every worker: each reads the keys anew
    before it looks at the next request. Raises what ``act`` raises."""
    key = act()
    write(shop, Pointed(at=at, name=KEYS, value=key.id))
    return key


class KeyRing:
    """All keys of a shop in memory, read anew when the log says that they changed."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._keys: dict[str, ApiKey] = {}
        self._access: dict[str, Access] = {}
        self._seen = -1
        self._live: Live | None = None

    def access(self, text: str, at: int) -> Access:
        """What this key permits at ``at`` (µs). Raises Unauthorized, and Unavailable when the
        documents cannot be read: no key is taken on trust."""
        shop = self._shop
        shop.refresh()
        # A state taken up whole may hold announcements that this shop never applied one by one.
        if self._seen != shop.keys_moved or self._live is not shop.now:
            self._load()
        return self._access[check(self._keys, text, at).id]

    def _load(self) -> None:
        seen, live = self._shop.keys_moved, self._shop.now
        keys = api_keys(self._shop.documents)
        self._keys = {key.id: key for key in keys}
        self._access = {
            key.id: Access(int(key.id, 16) + 1, frozenset(key.scopes), key.rate_per_s, key.burst)
            for key in keys
        }
        self._seen, self._live = seen, live
