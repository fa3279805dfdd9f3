"""Forgetting a user: at once for every answer, then physically at the next purge."""

from __future__ import annotations

from endcap.app.batch import STORED
from endcap.app.shop import Shop
from endcap.domain.records import UserErased
from endcap.engagement.interests import forget


def erasure(user_id: str, at: int, key: bytes = b"", body: bytes = b"") -> UserErased:
    """The record that makes every process forget this user's events up to now."""
    return UserErased(at=at, key=key, body=body, user_id=user_id)


def forget_stored(shop: Shop, user_id: str) -> None:
    """Drop what is kept of the user outside log and lake. Waits for the disk."""
    shop.documents.delete(STORED, user_id)
    forget(shop.documents, user_id)
