"""What a table of a shop's database is likely to be, by its names, its columns and its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from endcap.data.database.dialects import TIMES
from endcap.domain.relations import Column, Relation

USERS, ITEMS, ORDERS = "users", "items", "orders"
_WORDS = {
    USERS: "user customer client member shopper account buyer person kunde benutzer utilisateur",
    ITEMS: "product item article sku good produkt artikel produit",
    ORDERS: "order purchase sale invoice transaction cart checkout bestellung auftrag commande",
}
ROLE_WORDS = {role: tuple(words.split()) for role, words in _WORDS.items()}
LINES = ("line", "item", "detail", "position", "entry", "product")
SCORES = ("rating", "score", "stars", "productrating", "rate", "grade")
AMOUNTS = ("quantity", "qty", "quantityordered", "amount", "count", "units")
CHANGED = ("updatedat", "modifiedat", "changedat", "lastupdate", "lastupdated", "updated",
           "modified", "lastmodified", "dateupdated", "updatedon", "modifiedon")  # fmt: skip
HAPPENED = ("createdat", "created", "orderdate", "date", "time", "timestamp", "ts", "placedat",
            "purchasedat", "orderedat", "createdon", "datecreated", "ratedat", "viewedat", "at",
            "eventtime", "addedat", "dateadded", "occurredat")  # fmt: skip


class Reference(NamedTuple):
    """``column`` of a table points at the key of ``other``. ``why``: a sentence's end."""

    column: str
    other: str
    key: str
    why: str


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case and one of each: orderDetails → order, detail."""
    table = name.rpartition(".")[2]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+", table)
    return [singular(part.lower()) for part in parts]


def singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def role_score(relation: Relation, role: str) -> int:
    """How much a table's name speaks for a role; 0: nothing does."""
    words = words_of(relation.name)
    said = [w for w in ROLE_WORDS[role] if w in words]
    whole = "".join(words)
    run_together = [w for w in ROLE_WORDS[role] if w not in words and whole.startswith(w)]
    if not said and not run_together:
        return 0
    return 10 * bool(said) + 3 - min(len(words), 3) + 2 * bool(relation.key) + (words[-1:] == said)


def find_role(relations: Sequence[Relation], role: str) -> Relation | None:
    """The table that fits best; of equals the one with more columns, then by name."""
    scored = [(role_score(r, role), len(r.columns), r.name, r) for r in relations if r.columns]
    scored = [row for row in scored if row[0] >= 10 and len(row[3].key) <= 1]
    return max(scored, key=lambda row: (row[0], row[1], row[2]))[3] if scored else None


def reference_to(relation: Relation, other: Relation | None) -> Reference | None:
    """How rows of one table name a row of the other: a foreign key, else a column of its name."""
    if other is None or other.name == relation.name:
        return None
    for key in relation.foreign:
        if key.table.lower() == other.name.lower() and len(key.columns) == 1:
            why = f"foreign key to {other.name}.{key.others[0]}"
            return Reference(key.columns[0], other.name, key.others[0], why)
    if len(other.key) != 1:
        return None
    own, key_name = words_of(other.name), other.key[0]
    names = {plain(key_name)} if len(plain(key_name)) > 2 else set()
    names |= {own[-1] + plain(key_name), "".join(own) + plain(key_name), own[-1] + "id"}
    names |= {word + "id" for words in ROLE_WORDS.values() if own[-1] in words for word in words}
    for column in relation.columns:
        if plain(column.name) in names:
            why = f"its name; there is no foreign key to {other.name}"
            return Reference(column.name, other.name, key_name, why)
    return None


def first_named(columns: Iterable[Column], names: Sequence[str]) -> Column | None:
    """The column with the first of these names that there is."""
    by_name = {plain(column.name): column for column in columns}
    return next((by_name[name] for name in names if name in by_name), None)


def time_of(relation: Relation) -> Column | None:
    """When a row came to be: by name, else the only column of times."""
    times = [c for c in relation.columns if c.kind in TIMES]
    named = first_named(times, HAPPENED)
    others = [c for c in times if plain(c.name) not in CHANGED]
    return named or (others[0] if len(others) == 1 else None)


def changed_of(relation: Relation) -> Column | None:
    """When a row was last changed."""
    return first_named((c for c in relation.columns if c.kind in TIMES), CHANGED)
