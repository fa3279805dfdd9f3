"""SQL that reads one raw column, of text or typed, as an id, a time, a number, a boolean.

Text and typed columns go through the same rules, so that one file gives the same lake in every
format.
"""

from __future__ import annotations

from collections.abc import Mapping

from endcap.data.chunks import OURS
from endcap.data.entities import BOOLEAN, NUMBER, TEXT, TEXTS, WHOLE
from endcap.data.sql import quoted, text

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
WHOLE_KINDS = (*_NUMBERS, *(f"U{name}" for name in _NUMBERS))
_FITS = set(WHOLE_KINDS) - {"HUGEINT", "UBIGINT", "UHUGEINT"}
REAL_KINDS = ("FLOAT", "DOUBLE")


def as_text(column: str, kind: str) -> str:
    """Trimmed text, NULL when empty; a whole number without ``.0``."""
    name = quoted(column)
    if kind in WHOLE_KINDS or kind == "BOOLEAN":
        return f"{name}::VARCHAR"
    if kind in REAL_KINDS:
        whole = f"{name} = trunc({name}) AND abs({name}) < 9e15"
        other = f"nullif({name}, 'nan')::VARCHAR"
        return f"CASE WHEN {whole} THEN {name}::BIGINT::VARCHAR ELSE {other} END"
    word = f"{name}::VARCHAR"
    trimmed = f"trim({word}, ' \t\r\n')"
    whole = f"regexp_full_match({trimmed}, '[0-9]+[.]0')"
    careful = f"CASE WHEN {whole} THEN {trimmed}[:-3] ELSE nullif({trimmed}, '') END"
    return f"CASE WHEN {odd_name(column)} THEN {careful} ELSE nullif({word}, '') END"


def odd_name(column: str) -> str:
    """The column (SQL) that is true where a text is not used as it is."""
    return quoted(f"{OURS}odd {column}")


def odd_columns(kinds: Mapping[str, str]) -> dict[str, str]:
    """Column name → SQL of ``odd_name``: one look at each text finds the few that need more."""
    return {
        f"{OURS}odd {column}": f"regexp_matches({quoted(column)}::VARCHAR, "
        "'^\\s|\\s$|[.]0$|\\p{Cc}')"
        for column, kind in kinds.items()
        if is_text(kind)
    }


def as_micros(column: str, kind: str, time_format: str | None = None) -> str:
    """Time as µs UTC, NULL if it is none: seconds, ms, µs, ns by magnitude, or ISO 8601."""
    name = quoted(column)
    if kind.startswith("TIMESTAMP"):
        zoned = "TZ" in kind or "ZONE" in kind
        return f"epoch_us({name}::{'TIMESTAMPTZ' if zoned else 'TIMESTAMP'})"
    if kind == "DATE":
        return f"epoch_us({name}::TIMESTAMP)"
    if kind in WHOLE_KINDS:
        return _scaled(f"TRY_CAST({name} AS BIGINT)")
    if kind in REAL_KINDS or kind.startswith("DECIMAL"):
        return f"TRY_CAST({_scaled(f'{name}::DOUBLE')} AS BIGINT)"
    word = f"trim({name}::VARCHAR)"
    whole, real = f"TRY_CAST({word} AS BIGINT)", f"TRY_CAST({word} AS DOUBLE)"
    iso = f"epoch_us(TRY_CAST({word} AS TIMESTAMPTZ))"
    given = (
        f"WHEN try_strptime({word}, {text(time_format)}) IS NOT NULL "
        f"THEN epoch_us(try_strptime({word}, {text(time_format)})) "
        if time_format
        else ""
    )
    return (
        f"CASE {given}WHEN regexp_full_match({word}, '-?[0-9]{{1,19}}') THEN {_scaled(whole)} "
        f"WHEN {real} IS NOT NULL THEN TRY_CAST({_scaled(real)} AS BIGINT) "
        f"WHEN regexp_matches({word}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') THEN {iso} END"
    )


def _scaled(number: str) -> str:
    """Seconds up to the year 5138, ms and µs from 1973 on, else ns."""
    return (
        f"CASE WHEN {number} BETWEEN -100000000000 AND 100000000000 THEN {number} * 1000000 "
        f"WHEN {number} BETWEEN -100000000000000 AND 100000000000000 THEN {number} * 1000 "
        f"WHEN {number} BETWEEN -100000000000000000 AND 100000000000000000 THEN {number} "
        f"ELSE {number} // 1000 END"
    )


def as_number(column: str, kind: str) -> str:
    """Number, NULL when empty or none; adding zero makes one zero of two."""
    name = quoted(column)
    if kind in (*WHOLE_KINDS, *REAL_KINDS, "BOOLEAN") or kind.startswith("DECIMAL"):
        return f"{name}::DOUBLE + 0"
    return f"TRY_CAST(trim({name}::VARCHAR) AS DOUBLE) + 0"


def as_boolean(column: str, kind: str) -> str:
    word = f"lower(trim({quoted(column)}::VARCHAR))" if is_text(kind) else as_text(column, kind)
    return (
        f"CASE WHEN {word} IN ({', '.join(map(text, TRUE))}) THEN true "
        f"WHEN {word} IN ({', '.join(map(text, FALSE))}) THEN false END"
    )


def given(column: str, kind: str) -> str:
    """Whether the raw value is there at all."""
    name = quoted(column)
    if kind in REAL_KINDS:
        return f"({name} IS NOT NULL AND NOT isnan({name}))"
    return f"({name} IS NOT NULL AND {name} <> '')" if kind == TEXT else f"({name} IS NOT NULL)"


def is_text(kind: str) -> bool:
    return not (kind in WHOLE_KINDS or kind in REAL_KINDS or kind == BOOLEAN)


def declared_kind(kind: str) -> str:
    """The attribute type for a column type of DuckDB."""
    if kind in _FITS:
        return WHOLE
    if kind in (*REAL_KINDS, *WHOLE_KINDS) or kind.startswith("DECIMAL"):
        return NUMBER
    return BOOLEAN if kind == "BOOLEAN" else TEXTS if kind.endswith("[]") else TEXT
