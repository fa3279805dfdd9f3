"""The online use case: answer a query from the live state."""

from __future__ import annotations

from endcap.app.shop import Shop
from endcap.domain.values import Answer, Query
from endcap.engine import answer as engine


def answer(shop: Shop, query: Query) -> Answer:
    """Apply what the log holds by now, then answer. Sees every event any worker acknowledged."""
    shop.refresh()
    result = engine.answer(shop.now, query)
    shop.telemetry.count("answers_total", surface=query.surface, strategy=result.strategy)
    return result
