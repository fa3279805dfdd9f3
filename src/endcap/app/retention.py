"""How long events stay in the lake: once a day the keeper removes the dates that are too old."""

from __future__ import annotations

from endcap.app.reloading import POINTERS
from endcap.app.shop import Shop
from endcap.data.retention import expire
from endcap.domain.times import DAY_US, iso

RETENTION = "retention"  # the document that says on which date old events were last looked for


def expiry_due(shop: Shop, at: int) -> bool:
    """Whether nobody has looked for old events on this UTC date."""
    if not shop.settings.retention_days:
        return False
    document = shop.documents.get(POINTERS, RETENTION)
    return document is None or document.body.get("date") != iso(at)[:10]


def expire_old(shop: Shop, at: int) -> bool:
    """Remove old events from the lake where that is due; True: a snapshot must be built now.

    The caller holds the maintenance lock. Killed in between: the lake is ahead of the snapshot,
    which the keeper makes good.
    """
    if not expiry_due(shop, at):
        return False
    found = expire(shop.lake, at - shop.settings.retention_days * DAY_US)
    shop.documents.put(POINTERS, RETENTION, {"date": iso(at)[:10], "rows": found.rows})
    return found.rows > 0
