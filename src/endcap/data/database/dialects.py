"""What MySQL and PostgreSQL call their types, and the SQL that gives a column as plain text."""

from __future__ import annotations

import re

from endcap.data.entities import BOOLEAN, NUMBER, TEXT, TEXTS, WHOLE
from endcap.domain.relations import Column

MYSQL, POSTGRESQL = "mysql", "postgresql"

_MYSQL = {
    "whole": "tinyint smallint mediumint int integer bigint year",
    "number": "decimal numeric float double real",
    "text": "char varchar tinytext text mediumtext longtext enum set uuid inet4 inet6 time",
    "time": "datetime",
    "zoned": "timestamp",
    "date": "date",
    "json": "json",
    "bytes": "binary varbinary tinyblob blob mediumblob longblob",
    "bits": "bit",
}
_POSTGRESQL = {
    "whole": "smallint integer bigint",
    "number": "numeric real double precision",
    "text": "text character character_varying bpchar citext name uuid inet cidr macaddr interval "
    "time_without_time_zone time_with_time_zone money enum",
    "time": "timestamp_without_time_zone",
    "zoned": "timestamp_with_time_zone",
    "date": "date",
    "boolean": "boolean",
    "json": "json jsonb",
    "bytes": "bytea",
}
_KINDS = {
    dialect: {word: kind for kind, words in kinds.items() for word in words.split()}
    for dialect, kinds in ((MYSQL, _MYSQL), (POSTGRESQL, _POSTGRESQL))
}

TIMES = ("time", "zoned", "date")
NUMBERS = ("whole", "big", "number", "bits", "boolean")
# kind → the type of an attribute made of it
ATTRIBUTE = {
    "whole": WHOLE, "big": NUMBER, "number": NUMBER, "bits": WHOLE, "boolean": BOOLEAN,
    "list": TEXTS,
}  # fmt: skip


def kind_of(dialect: str, type_name: str) -> str:
    """The kind of a column (see domain.relations.Column) by the type as the database writes it."""
    lowered = type_name.lower()
    if lowered.endswith("[]"):
        return "list"
    plain = re.sub(r"\(.*?\)", "", lowered)
    words = plain.replace(" unsigned", "").replace(" zerofill", "").strip()
    kind = _KINDS[dialect].get(words.replace(" ", "_"), "other")
    if dialect == POSTGRESQL and words == "double precision":
        return "number"
    return "big" if kind == "whole" and "bigint" in plain and "unsigned" in lowered else kind


def declared(kind: str) -> str:
    return ATTRIBUTE.get(kind, TEXT)


def as_text(dialect: str, reference: str, kind: str, zone: str) -> tuple[str, tuple[str, ...]]:
    """(SQL, parameters) of a column as text: times in UTC and without a zone, bytes in hex.
    ``zone``: of times without one."""
    if dialect == MYSQL:
        if kind == "time" and zone != "UTC":
            return f"CONVERT_TZ({reference}, %s, '+00:00')", (zone,)
        forms = {"bytes": "LOWER(HEX({}))", "bits": "{} + 0"}
        return forms.get(kind, "{}").format(reference), ()
    if kind == "time" and zone != "UTC":
        return f"(({reference} AT TIME ZONE %s) AT TIME ZONE 'UTC')::text", (zone,)
    forms = {
        "zoned": "({} AT TIME ZONE 'UTC')::text",
        "bytes": "encode({}, 'hex')",
        "list": "to_json({})::text",
    }
    return forms.get(kind, "{}::text").format(reference), ()


def as_key(dialect: str, kind: str) -> str:
    """SQL of a parameter that a column of this kind is compared with, as ``as_text`` gave it."""
    if kind == "bytes":
        return "UNHEX(%s)" if dialect == MYSQL else "decode(%s, 'hex')"
    if kind == "zoned" and dialect == POSTGRESQL:
        return "(%s::timestamp AT TIME ZONE 'UTC')"
    return "%s"


def typed(column: Column) -> str:
    """A column and its type, for people."""
    return f"{column.name} ({column.type})"
