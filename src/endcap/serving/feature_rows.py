"""Bodies of the inference container: rows of the ranker's features in, what it says of them out.

JSON, CSV or .npy, by the headers ``Content-Type`` and ``Accept``. A missing value is null, nothing
between two commas, or NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from msgspec import Struct

from endcap.domain import npy
from endcap.domain.arrays import Float32s
from endcap.domain.errors import InvalidInput
from endcap.serving.bodies import decode_body
from endcap.serving.refusals import NotAcceptable, UnsupportedContent

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
KINDS = (JSON, CSV, NPY)
MOST_ROWS = 10_000


class InstancesBody(Struct, forbid_unknown_fields=True):
    """A row of numbers for each candidate, in the order of docs/features.md."""

    instances: list[list[float | None]]


class Prediction(Struct, frozen=True):
    """``probability``: calibrated; ``margin``: the log-odds of the trees."""

    probability: float
    margin: float


class PredictionsAnswer(Struct, frozen=True):
    version: str
    predictions: list[Prediction]


def content_of(header: str | None) -> str:
    """Which of KINDS a body is. Raises UnsupportedContent (bad_feature_content)."""
    kind, *options = [part.strip().lower() for part in (header or "").split(";")]
    plain = all(o in ("charset=utf-8", "header=absent", "") for o in options)
    if kind not in KINDS or not plain:
        raise UnsupportedContent(
            "bad_feature_content", field="Content-Type", value=header or "", permitted=_listed()
        )
    return kind


def accepted(header: str | None) -> str:
    """Which of KINDS the answer is: the first that is named; JSON where any will do. Raises
    NotAcceptable (bad_accept)."""
    given = [part.partition(";")[0].strip().lower() for part in (header or "*/*").split(",")]
    for kind in given:
        if kind in KINDS:
            return kind
        if kind in ("*/*", "application/*"):
            return JSON
        if kind == "text/*":
            return CSV
    raise NotAcceptable("bad_accept", field="Accept", value=header, permitted=_listed())


def _listed() -> str:
    return ", ".join(KINDS)


def read_rows(raw: bytes, kind: str, columns: int) -> Float32s:
    """(n, columns) of a body, n ≥ 1. Raises InvalidInput: what bodies of JSON raise, empty_body,
    bad_csv, bad_npy, too_many_entries, bad_row_length, number_out_of_range."""
    if not raw.strip():
        raise InvalidInput("empty_body", field="body")
    rows = _READERS[kind](raw, columns)
    if len(rows) > MOST_ROWS:
        raise InvalidInput("too_many_entries", field="body", count=len(rows), most=MOST_ROWS)
    if rows.shape[1] != columns:
        raise _wrong_length(0, rows.shape[1], columns)
    infinite = np.isinf(rows)
    if infinite.any():
        at, column = (int(found[0]) for found in np.nonzero(infinite))
        raise InvalidInput("number_out_of_range", field=f"row {at}, column {column}")
    return rows


def _of_json(raw: bytes, columns: int) -> Float32s:
    instances = decode_body(raw, InstancesBody).instances
    if not instances:
        raise InvalidInput("empty_list", field="instances")
    for at, row in enumerate(instances):
        if len(row) != columns:
            raise _wrong_length(at, len(row), columns)
    return _narrowed([[np.nan if n is None else n for n in row] for row in instances])


def _of_csv(raw: bytes, columns: int) -> Float32s:
    try:
        lines = raw.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise InvalidInput("bad_encoding", field="body") from None
    rows = []
    for at, line in enumerate(line for line in lines if line.strip()):
        cells = line.split(",")
        if len(cells) != columns:
            raise _wrong_length(at, len(cells), columns)
        try:
            rows.append([np.nan if not cell.strip() else _number(cell) for cell in cells])
        except ValueError:
            raise InvalidInput("bad_csv", field=f"row {at}") from None
    return _narrowed(rows)


def _number(cell: str) -> float:
    if "_" in cell:  # Python's own way of writing numbers
        raise ValueError
    return float(cell)


def _of_npy(raw: bytes, _: int) -> Float32s:
    try:
        rows = npy.decode(raw)
    except ValueError as error:
        raise InvalidInput("bad_npy", field="body", reason=str(error)) from None
    if not len(rows):
        raise InvalidInput("empty_list", field="body")
    return rows


_READERS: dict[str, Callable[[bytes, int], Float32s]] = {
    JSON: _of_json, CSV: _of_csv, NPY: _of_npy,
}  # fmt: skip


def _narrowed(rows: list[list[float]]) -> Float32s:
    with np.errstate(over="ignore"):  # infinite from here on, and refused as that
        return np.array(rows, np.float64).astype(np.float32)


def _wrong_length(at: int, found: int, columns: int) -> InvalidInput:
    return InvalidInput("bad_row_length", field=f"row {at}", value=found, expected=columns)


def write_predictions(probabilities: Float32s, margins: Float32s, kind: str, version: str) -> bytes:
    """The body of an answer: (n,) each. CSV: a line of probability and margin for each row; .npy:
    (n, 2) of the same."""
    if kind == NPY:
        return npy.encode(np.column_stack((probabilities, margins)))
    pairs = list(zip(probabilities.tolist(), margins.tolist(), strict=True))
    if kind == CSV:
        return "".join(f"{p!r},{m!r}\n" for p, m in pairs).encode()
    return msgspec.json.encode(PredictionsAnswer(version, [Prediction(*pair) for pair in pairs]))
