"""Event types as clients call them, and as the engine does.

Three of them the engine knows by name; clients of other interfaces write these in their own way.
All others stay the client's own word.
"""

from __future__ import annotations

from endcap.domain.values import ADD_TO_CART, PURCHASE, VIEW

_KNOWN = {"view": VIEW, "purchase": PURCHASE, "addtocart": ADD_TO_CART}
_JOINTS = str.maketrans("", "", " _-")


def event_type_of(text: str | None) -> str:
    """``View``, ``PURCHASE``, ``AddToCart``, ``add to cart`` → what the engine calls them;
    nothing or blank → ``view``; any other word stays as it came, less spaces around it."""
    word = (text or "").strip()
    return _KNOWN.get(word.lower().translate(_JOINTS), word) if word else VIEW


def same_event_type(one: str | None, other: str | None) -> bool:
    """Whether both mean the same type: in any case, and by any spelling of the known three."""
    return event_type_of(one).lower() == event_type_of(other).lower()
