"""A mapping proposed from the database's own description, with a reason for every line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from endcap.data.database.roles import (
    AMOUNTS,
    ITEMS,
    LINES,
    ORDERS,
    SCORES,
    USERS,
    Reference,
    changed_of,
    find_role,
    first_named,
    plain,
    reference_to,
    time_of,
    words_of,
)
from endcap.domain.errors import InvalidInput
from endcap.domain.relations import Column, Relation

_PERSONAL = (
    "name", "mail", "phone", "tel", "fax", "street", "address", "zip", "postal", "postcode",
    "password", "passwd", "hash", "salt", "token", "secret", "birth", "dob", "tax", "vat", "iban",
    "card", "account", "ip", "latitude", "longitude", "geo",
)  # fmt: skip
_HARMLESS = (
    "city",
    "country",
    "region",
    "language",
    "locale",
    "segment",
    "gender",
    "state",
    "tier",
)
# attribute that the engine knows → names of columns for it
_KNOWN = {
    "name": ("name", "title", "productname", "itemname"),
    "department": ("department", "category", "categoryname", "productline", "categoryid"),
    "aisle": ("aisle", "subcategory", "producttype", "type"),
    "description": ("description", "productdescription", "longdescription", "summary"),
    "price": ("price", "unitprice", "listprice", "msrp", "saleprice"),
    "available": ("available", "active", "isactive", "enabled", "instock", "published"),
    "created": ("createdat", "created", "datecreated", "createdon", "releasedate"),
}
_SHOWN_KINDS = ("whole", "number", "text", "boolean", "date")
_MOST_ATTRIBUTES = 6
_NOT_EVENTS = ("payment", "address", "token", "session", "password", "role", "message", "ticket")


class _Event(NamedTuple):
    """A table of events, and how it tells who, what and when."""

    kind: str
    relation: Relation
    columns: dict[str, tuple[str, str]]  # ours → (theirs, why)
    joins: dict[str, tuple[str, str]]  # table → (its column, ours)
    watermark: tuple[str, str]  # (column, why); empty: none


def propose(relations: Sequence[Relation], name: str) -> str:
    """TOML for ``--mapping``. Raises InvalidInput (nothing_to_propose)."""
    users, items = find_role(relations, USERS), _items(relations)
    orders = find_role([r for r in relations if r not in (users, items)], ORDERS)
    if items is None:
        raise InvalidInput("nothing_to_propose", field=name, value="a catalogue of products")
    events = _events(relations, users, items, orders)
    if users is None and not events:
        raise InvalidInput("nothing_to_propose", field=name, value="users, orders or ratings")
    parts = [f"# Proposed for {name}. Read it: names say much, but not everything.\n"]
    parts += [_entity("users", users)] if users is not None else []
    parts += [_entity("items", items), *map(_event, events)]
    return "\n".join(parts).rstrip()


def _items(relations: Sequence[Relation]) -> Relation | None:
    """The catalogue is no table of lines (order_items), and has a key of one column."""
    plain_ones = [r for r in relations if len(words_of(r.name)) == 1]
    return find_role(plain_ones, ITEMS) or find_role(relations, ITEMS)


def _events(
    relations: Sequence[Relation],
    users: Relation | None,
    items: Relation,
    orders: Relation | None,
) -> list[_Event]:
    found: list[_Event] = []
    for relation in relations:
        if relation in (users, items, orders) or {*words_of(relation.name)} & {*_NOT_EVENTS}:
            continue
        item = reference_to(relation, items)
        made = item and (
            _direct(relation, item, reference_to(relation, users))
            or _line(relation, item, orders, users)
        )
        if made and relation.key:
            taken = {event.kind for event in found}
            kind = made.kind if made.kind not in taken else "_".join(words_of(relation.name))
            found.append(made._replace(kind=kind))
    return found


def _direct(relation: Relation, item: Reference, user: Reference | None) -> _Event | None:
    """The row itself says who, what and when."""
    time = time_of(relation) or changed_of(relation)
    if user is None or time is None:
        return None
    score = first_named(relation.columns, SCORES)
    amount = first_named(relation.columns, AMOUNTS)
    words = words_of(relation.name)
    bought = {*words} & {"order", "purchase", "sale", "line", "transaction"}
    kind = "rating" if score else "purchase" if bought else words[-1]
    columns = {
        "user_id": (user.column, user.why),
        "item_id": (item.column, item.why),
        "ts": (time.name, f"its name and type ({time.type})"),
    }
    value = score or amount
    if value:
        columns["value"] = (value.name, "its name")
    return _Event(kind, relation, columns, {}, _watermark(relation))


def _line(
    relation: Relation, item: Reference, orders: Relation | None, users: Relation | None
) -> _Event | None:
    """The row says what; the order it belongs to says who and when."""
    order = reference_to(relation, orders)
    user = reference_to(orders, users) if orders else None
    time = time_of(orders) if orders else None
    if order is None or user is None or time is None or orders is None:
        return None
    said = next((word for word in words_of(relation.name) if word in LINES), "")
    columns = {
        "user_id": (f"{orders.name}.{user.column}", user.why),
        "item_id": (item.column, item.why),
        "ts": (f"{orders.name}.{time.name}", f"its name and type ({time.type})"),
        "session_id": (order.column, "the lines of an order belong together"),
    }
    amount = first_named(relation.columns, AMOUNTS)
    if amount:
        columns["value"] = (amount.name, "its name")
    kind = "purchase" if said or orders.name else words_of(relation.name)[-1]
    joins = {orders.name: (order.key, order.column)}
    return _Event(kind, relation, columns, joins, _watermark(relation))


def _watermark(relation: Relation) -> tuple[str, str]:
    """What grows with every new row."""
    column = next((c for c in relation.columns if [c.name] == [*relation.key[:1]]), None)
    if column and column.kind in ("whole", "big"):
        return column.name, "first column of the primary key, a whole number"
    time = time_of(relation)
    return (time.name, "its name; nothing else grows") if time else ("", "")


def _entity(table: str, relation: Relation) -> str:
    key = relation.key[0] if relation.key else relation.columns[0].name
    lines = [f"[{table}]", _said("table", relation.name, "its name")]
    changed = changed_of(relation)
    if changed:
        lines.append(_said("watermark", changed.name, f"its name and type ({changed.type})"))
    else:
        lines.append("# no column says when a row was changed: all rows are read each time")
    why = "primary key" if relation.key else "first column; there is no primary key"
    lines += [
        "",
        f"[{table}.columns]",
        _said("user_id" if table == "users" else "item_id", key, why),
    ]
    left: list[str] = []
    rest = [c for c in relation.columns if c.name != key and c != changed]
    lines += _catalogue(rest) if table == "items" else _people(rest, left)
    if left:
        lines.append(f"# left out, for it may say who a person is: {', '.join(left)}")
    return "\n".join(lines) + "\n"


def _catalogue(columns: Sequence[Column]) -> list[str]:
    lines, used = [], set[str]()
    for ours, names in _KNOWN.items():
        column = first_named(columns, names)
        if column and column.name not in used:
            lines.append(_said(ours, column.name, "its name"))
            used.add(column.name)
    rest = [c for c in columns if c.name not in used and c.kind in _SHOWN_KINDS]
    return lines + [_said(_key(c), c.name, c.type) for c in rest[:_MOST_ATTRIBUTES]]


def _people(columns: Sequence[Column], left: list[str]) -> list[str]:
    lines = []
    for column in columns:
        name = plain(column.name)
        if name in _HARMLESS:
            lines.append(_said(_key(column), column.name, column.type))
        elif column.kind == "text" or any(word in name for word in _PERSONAL):
            left.append(column.name)
    return lines


def _event(event: _Event) -> str:
    head = f"events.{event.kind}"
    lines = [f"[{head}]", _said("table", event.relation.name, "it names a product in each row")]
    for table, (theirs, ours) in event.joins.items():
        lines.append(
            _said(f"join.{_bare(table)}.{_bare(theirs)}", ours, "who and when stand there")
        )
    if event.watermark[0]:
        lines.append(_said("watermark", *event.watermark))
    if event.joins:
        lines.append('# without = { "TABLE.COLUMN" = ["cancelled"] }    leaves out rows by a value')
    lines += ["", f"[{head}.columns]"]
    lines += [_said(ours, theirs, why) for ours, (theirs, why) in event.columns.items()]
    return "\n".join(lines) + "\n"


def _key(column: Column) -> str:
    return _bare("_".join(words_of(column.name)) or column.name)


def _bare(name: str) -> str:
    """A key of TOML, in quotes where it must be."""
    fits = name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    return name if fits else json.dumps(name)


def _said(ours: str, theirs: str, why: str) -> str:
    line = f"{ours} = {json.dumps(theirs, ensure_ascii=False)}"
    return f"{line:<44}# {why}"
