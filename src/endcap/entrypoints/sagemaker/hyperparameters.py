"""The hyper-parameters of a training job: texts in, checked values out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from endcap.data.importer import ImportOptions
from endcap.data.mapping import parse_mapping
from endcap.domain.errors import InvalidInput

# What SageMaker and its SDK add for themselves.
FOREIGN = ("sagemaker_", "_tuning_")


class Hyperparameter(Struct, frozen=True):
    """``default`` also tells the kind. ``least`` and ``most``: of a number."""

    default: Any
    about: str
    least: float | None = None
    most: float | None = None

    @property
    def permitted(self) -> str:
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, int | float):
            whole = "whole " if isinstance(self.default, int) else ""
            return f"a {whole}number from {self.least:g} to {self.most:g}"
        return "text"


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    "seed": Hyperparameter(0, "seed of everything that draws at random", 0, 2**31 - 1),
    "budget_s": Hyperparameter(
        300.0, "most seconds of work for the search of settings", 0, 1_000_000
    ),
    "ranker": Hyperparameter(True, "also learn to re-order what the recipe answers"),
    "threads": Hyperparameter(0, "threads; 0: one for each core", 0, 256),
    "memory_mb": Hyperparameter(1024, "memory that SQL over the events may take", 128, 1_000_000),
    "map": Hyperparameter(
        "", "the files' columns, where their names say it not: user_id=CustomerID,item_id=StockCode"
    ),
    "event_type": Hyperparameter("", "of interactions without such a column (view)"),
    "rename_types": Hyperparameter("", "event types by other names: OLD=NEW,OLD=NEW"),
    "time_format": Hyperparameter("", "of times, as strptime: %d.%m.%Y %H:%M"),
    "delimiter": Hyperparameter("", "of CSV files; found by itself"),
    "version": Hyperparameter(
        "", "the reserved version of the shop that the ENDCAP_… variables name; without channels"
    ),
    "lake_version": Hyperparameter(0, "the version of its lake to learn from", 0, 2**53),
}


class Chosen(Struct, frozen=True):
    """One value for each of HYPERPARAMETERS."""

    seed: int
    budget_s: float
    ranker: bool
    threads: int
    memory_mb: int
    map: str
    event_type: str
    rename_types: str
    time_format: str
    delimiter: str
    version: str
    lake_version: int

    @property
    def mapping(self) -> dict[str, str]:
        """Raises InvalidInput (bad_mapping)."""
        return parse_mapping(_listed(self.map))

    def options(self, at: int) -> ImportOptions:
        """Of the import; ``at``: now, in µs. Raises InvalidInput (bad_mapping)."""
        return ImportOptions(
            at=at,
            event_type=self.event_type or None,
            event_types=parse_mapping(_listed(self.rename_types)),
            time_format=self.time_format or None,
            delimiter=self.delimiter or None,
        )


def _listed(text: str) -> list[str]:
    return [pair.strip() for pair in text.split(",") if pair.strip()]


def read(given: Mapping[str, Any]) -> Chosen:
    """Of hyperparameters.json. Raises InvalidInput (unknown_hyperparameter, bad_hyperparameter,
    hyperparameter_missing)."""
    own = {name: value for name, value in given.items() if not name.startswith(FOREIGN)}
    for name in own:
        if name not in HYPERPARAMETERS:
            nearest = difflib.get_close_matches(name, HYPERPARAMETERS, n=1, cutoff=0.0)[0]
            raise InvalidInput("unknown_hyperparameter", field=name, nearest=nearest)
    chosen = Chosen(**{name: _value(name, own.get(name)) for name in HYPERPARAMETERS})
    if bool(chosen.version) != bool(chosen.lake_version):
        missing = "lake_version" if chosen.version else "version"
        raise InvalidInput("hyperparameter_missing", field=missing)
    return chosen


def _value(name: str, given: Any) -> Any:
    known = HYPERPARAMETERS[name]
    if given is None:
        return known.default
    text = _text(given)
    if isinstance(known.default, bool):
        if text.lower() not in ("true", "false"):
            raise _bad(name, given)
        return text.lower() == "true"
    if isinstance(known.default, str):
        return text
    try:
        number = int(text) if isinstance(known.default, int) else float(text)
    except ValueError:
        raise _bad(name, given) from None
    assert known.least is not None  # noqa: S101 - every number has both
    assert known.most is not None  # noqa: S101
    if not known.least <= number <= known.most:
        raise _bad(name, given)
    return number


def _text(given: Any) -> str:
    """A value as SageMaker writes it: a text, which its SDK may have written as JSON once more."""
    text = given if isinstance(given, str) else json.dumps(given)
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text.strip()


def _bad(name: str, given: Any) -> InvalidInput:
    permitted = HYPERPARAMETERS[name].permitted
    return InvalidInput("bad_hyperparameter", field=name, value=given, permitted=permitted)
