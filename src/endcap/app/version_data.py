"""What a version of the Personalize API learns from: which events, and what is known of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from endcap.app.shop import Shop
from endcap.control.registry.recipes import SEMANTIC, TOGETHER, RecipeInfo
from endcap.data.interactions import Interactions
from endcap.data.lake import Lake
from endcap.data.training import load_interactions
from endcap.domain.arrays import Bools
from endcap.domain.errors import InvalidInput
from endcap.domain.event_types import same_event_type
from endcap.domain.values import Attributes

# Personalize trains on nothing less; here it is a warning.
WISE_INTERACTIONS, WISE_USERS = 1000, 25
ITEMS, INTERACTIONS, USERS = "ITEMS", "INTERACTIONS", "USERS"
_OURS = {"creation_timestamp": "created", "product_description": "description"}


class Wanted(NamedTuple):
    """Events of one type, "" for all, whose value is ``least`` or more; None: any value."""

    event_type: str
    least: float | None = None


class Lesson(NamedTuple):
    """``n_items``: in the catalogue and the interactions together, with whatever was left out."""

    data: Interactions
    catalogue: list[Attributes]
    n_items: int
    warnings: tuple[str, ...]
    people: bool = True  # whether what is known of users may be learnt from


def lesson(shop: Shop, recipe: RecipeInfo, event_type: str, config: Mapping[str, Any]) -> Lesson:
    """``config``: as ``solutionConfig`` or ``recommenderConfig`` came. Raises InvalidInput
    (no_interactions_to_learn_from, bad_event_value_threshold)."""
    data = load_interactions(shop.lake, sessions=recipe.family == TOGETHER)
    wanted = wanted_events(event_type, config)
    chosen = data.where(permitted(data, wanted, recipe.counts))
    if not len(chosen):
        told = recipe.counts or " or ".join(w.event_type for w in wanted if w.event_type)
        raise InvalidInput("no_interactions_to_learn_from", field="interactions", value=told or "*")
    known = known_items(shop.lake, columns_of(config, ITEMS))
    total = len(known.keys() | set(data.item_ids))
    if recipe.family == SEMANTIC:
        chosen = widened(chosen, sorted(known))
    if not column_kept(config, INTERACTIONS, "event_type"):
        chosen = replace(chosen, type=np.zeros_like(chosen.type))
    catalogue = [known.get(item_id, {}) for item_id in chosen.item_ids]
    people = columns_of(config, USERS) == ((), None)
    return Lesson(chosen, catalogue, total, warnings_of(chosen, config), people)


def wanted_events(event_type: str, config: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """What the solution says of events; nothing: all are wanted."""
    listed = (config.get("eventsConfig") or {}).get("eventParametersList") or ()
    if listed:
        return tuple(
            Wanted(str(each.get("eventType", "")), each.get("eventValueThreshold"))
            for each in listed
        )
    text = str(config.get("eventValueThreshold") or "").strip()
    if not text:
        return (Wanted(event_type),) if event_type else ()
    try:
        return (Wanted(event_type, float(text)),)
    except ValueError:
        raise InvalidInput(
            "bad_event_value_threshold", field="eventValueThreshold", value=text
        ) from None


def permitted(data: Interactions, wanted: Sequence[Wanted], counts: str) -> Bools:
    """(events,) which are wanted by one at least and, where the recipe counts one type, are of
    it."""
    kept = _of_type(data, counts)
    if not wanted:
        return kept
    any_of = np.zeros(len(data), np.bool_)
    for each in wanted:
        fits = _of_type(data, each.event_type)
        if each.least is not None:
            value = np.full(len(data), np.nan) if data.value is None else data.value
            fits = fits & (value >= each.least)
        any_of |= fits
    return kept & any_of


def _of_type(data: Interactions, event_type: str) -> Bools:
    """(events,) those of a type by any spelling; "" or "*": all."""
    if event_type in ("", "*"):
        return np.ones(len(data), np.bool_)
    codes = [c for c, name in enumerate(data.event_types) if same_event_type(name, event_type)]
    return np.isin(data.type, np.array(codes, np.uint8))


def columns_of(
    config: Mapping[str, Any], dataset: str
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """(attributes that training leaves out, those that alone it takes or None for all), as ours
    are called."""
    said = config.get("trainingDataConfig") or {}
    out = (said.get("excludedDatasetColumns") or {}).get(dataset) or ()
    only = (said.get("includedDatasetColumns") or {}).get(dataset)
    return tuple(map(_own_name, out)), None if not only else tuple(map(_own_name, only))


def column_kept(config: Mapping[str, Any], dataset: str, name: str) -> bool:
    return name not in columns_of(config, dataset)[0]


def _own_name(column: str) -> str:
    name = column.strip().lower()
    return _OURS.get(name, name)


def known_items(
    lake: Lake, columns: tuple[tuple[str, ...], tuple[str, ...] | None]
) -> dict[str, Attributes]:
    """What training may know of each item of the catalogue."""
    out, only = columns
    known = {item.item_id: item.attributes for item in lake.items()}
    if not out and only is None:
        return known
    return {
        item_id: {
            name: value
            for name, value in attributes.items()
            if name not in out and (only is None or name in only)
        }
        for item_id, attributes in known.items()
    }


def widened(data: Interactions, more: Sequence[str]) -> Interactions:
    """The same events among more items, those of the catalogue that had none; ids ascend."""
    ids = sorted({*data.item_ids, *more})
    place = {item_id: row for row, item_id in enumerate(ids)}
    rows = np.fromiter((place[known] for known in data.item_ids), np.int32, len(data.item_ids))
    return replace(data, item=rows[data.item], item_ids=ids)


def warnings_of(data: Interactions, config: Mapping[str, Any]) -> tuple[str, ...]:
    """What Personalize would have refused, and what of the settings says nothing here."""
    found = []
    if len(data) < WISE_INTERACTIONS:
        found.append(
            f"{len(data)} interactions to learn from; fewer than {WISE_INTERACTIONS} say little"
        )
    active = int(np.count_nonzero(np.bincount(data.user, minlength=1) >= 2))
    if active < WISE_USERS:
        found.append(
            f"{active} users with at least 2 interactions each; fewer than {WISE_USERS} say little"
        )
    listed = (config.get("eventsConfig") or {}).get("eventParametersList") or ()
    if any(each.get("weight") is not None for each in listed):
        found.append("weights of event types are learnt from the data, not taken from eventsConfig")
    return tuple(found)
