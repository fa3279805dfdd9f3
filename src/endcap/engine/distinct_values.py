"""One attribute as a column: a code for each row, and each distinct value once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s, UInt8s
from endcap.domain.filters import Plain
from endcap.domain.values import Attribute
from endcap.engine.attribute_values import (
    ORDERED,
    TRUTH,
    number_of,
    parts_of,
    scaled,
    time_of,
)
from endcap.engine.joined_texts import JoinedTexts

ABSENT = 0  # the code of a row without the attribute
NOTHING, TEXT, NUMBER, TRUTH_VALUE, SEVERAL = range(5)


class Column:
    """The values of one attribute. Entry ``codes[row]`` of the distinct values is the row's; that
    of a row with several values names the entries of each."""

    def __init__(self, name: str, split: bool) -> None:
        self.name, self.split = name, split
        self.codes: Int32s = np.zeros(0, np.int32)  # (capacity,)
        self.values: list[Any] = [None]  # by entry; of several values, a tuple of entries
        self.kinds: list[int] = [NOTHING]
        self.several = 0  # entries that hold several values
        self._texts: dict[str, int] = {}
        self._numbers: dict[float, int] = {}
        self._truths: dict[bool, int] = {}
        self._lists: dict[tuple[int, ...], int] = {}
        self._weight = 0
        self._as_numbers: Float64s = np.full(1, np.nan)
        self._as_times: Float64s = np.full(1, np.nan)
        self._kinds: UInt8s = np.zeros(1, np.uint8)
        self._words: list[int] = []  # entries of texts that read as true or false
        self._joined: JoinedTexts | None = None  # the texts, once somebody looked into them
        self._read_lists = 0  # how many of them the next two hold
        self._owners = self._members = np.zeros(0, np.int64)  # (values of lists,) entries

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        texts = self._weight * (1 if self._joined is None else 2)
        return 4 * len(self.codes) + 160 * len(self.values) + texts

    def encode(self, values: list[Any]) -> Int32s:
        """(n,) the entries of n values; lists come as tuples."""
        kinds = set(map(type, values))
        if bool in kinds and (int in kinds or float in kinds):  # to a dict, 1 and true are one
            return np.fromiter(map(self.code, values), np.int32, len(values))
        entries = {value: self.code(value) for value in dict.fromkeys(values)}
        return np.fromiter(map(entries.__getitem__, values), np.int32, len(values))

    def code(self, value: Attribute | tuple[str, ...]) -> int:
        """The entry of a value, a new one if it has none."""
        if type(value) is str and not (self.split and (not value or "|" in value)):
            found = self._texts.get(value)
            return self._add_text(value) if found is None else found
        parts = parts_of(value, self.split)
        if len(parts) == 1:
            return self._plain(parts[0])
        if not parts:
            return ABSENT
        members = tuple(dict.fromkeys(map(self._plain, parts)))
        if len(members) == 1:
            return members[0]
        if members not in self._lists:
            self.several += 1
            self._lists[members] = self._add(members, SEVERAL)
        return self._lists[members]

    def _plain(self, value: Plain) -> int:
        if isinstance(value, str):
            found = self._texts.get(value)
            return self._add_text(value) if found is None else found
        if isinstance(value, bool):
            if value not in self._truths:
                self._truths[value] = self._add(value, TRUTH_VALUE)
            return self._truths[value]
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = self._add(value, NUMBER)
        return found

    def _add_text(self, value: str) -> int:
        self._weight += len(value)
        found = self._texts[value] = self._add(value, TEXT)
        if len(value) <= len("false") and value.lower() in TRUTH:
            self._words.append(found)
        return found

    def _add(self, value: Any, kind: int) -> int:
        self.values.append(value)
        self.kinds.append(kind)
        return len(self.values) - 1

    def put(self, row: int, value: Attribute) -> None:
        self.grow(row + 1)
        self.codes[row] = self.code(value)

    def grow(self, rows: int) -> None:
        if rows > len(self.codes):
            grown = np.zeros(rows + rows // 8 + 64, np.int32)
            grown[: len(self.codes)] = self.codes
            self.codes = grown

    def numbers(self) -> Float64s:
        """(entries,) what each reads as; NaN: no number."""
        self._as_numbers = self._read(self._as_numbers, number_of)
        return self._as_numbers

    def times(self) -> Float64s:
        """(entries,) µs that each stands for; NaN: no time."""
        self._as_times = self._read(self._as_times, time_of)
        return self._as_times

    def of_kind(self) -> UInt8s:
        """(entries,) TEXT, NUMBER, …"""
        if len(self._kinds) < len(self.kinds):
            self._kinds = np.array(self.kinds, np.uint8)
        return self._kinds

    def _read(self, known: Float64s, read: Callable[[Plain], float | None]) -> Float64s:
        later = self.values[len(known) :]
        if not later:
            return known
        kinds = self.kinds[len(known) :]
        more = np.full(len(later), np.nan)
        for place, (value, kind) in enumerate(zip(later, kinds, strict=True)):
            if kind == NUMBER:
                more[place] = value if read is number_of else scaled(float(value))
            elif kind == TEXT and (told := read(value)) is not None:
                more[place] = told
        more[~np.isfinite(more)] = np.nan
        return np.concatenate((known, more))

    def equal(self, value: Plain) -> Bools:
        """(entries,) which of them equal ``value``, or hold it among others."""
        if isinstance(value, str):
            marks = self._marks(self._same_text(value))
        elif isinstance(value, bool):
            words = (e for e in self._words if TRUTH[self.values[e].lower()] is value)
            marks = self._marks([self._truths.get(value, ABSENT), *words])
        else:
            marks = self.numbers() == float(value)
        return self.spread(marks)

    def _same_text(self, value: str) -> Iterator[int]:
        yield self._texts.get(value, ABSENT)
        read = number_of(value)
        if read is not None:
            yield self._numbers.get(read, ABSENT)
        if value.lower() in TRUTH:
            yield self._truths.get(TRUTH[value.lower()], ABSENT)

    def in_order(self, how: str, value: Plain) -> Bools:
        """(entries,) which of them stand so to ``value``."""
        compare, read = ORDERED[how], number_of(value)
        marks = np.zeros(len(self.values), np.bool_)
        if read is not None:
            marks = compare(self.numbers(), read)
        if isinstance(value, str):
            texts = self.of_kind() == TEXT
            if read is not None:
                texts &= np.isnan(self.numbers())
            for entry in np.flatnonzero(texts).tolist():
                marks[entry] = compare(self.values[entry], value)
        return self.spread(marks)

    def at_time(self, how: str, us: int) -> Bools:
        """(entries,) which of them are times that stand so to ``us``."""
        times = self.times()
        return self.spread(times == us if how not in ORDERED else ORDERED[how](times, us))

    def has_text(self, function: str, text: str) -> Bools:
        """(entries,) which of them hold, begin with, or end in ``text``, in any case."""
        entries = self._texts_of()
        if self._joined is None or self._joined.size < len(entries):
            self._joined = JoinedTexts([self.values[entry] for entry in entries.tolist()])
        marks = np.zeros(len(self.values), np.bool_)
        marks[entries] = self._joined.which(function, text)
        return self.spread(marks)

    def _texts_of(self) -> Int64s:
        """The entries that are texts."""
        return np.flatnonzero(self.of_kind() == TEXT)

    def _marks(self, entries: Iterable[int]) -> Bools:
        marks = np.zeros(len(self.values), np.bool_)
        marks[list(entries)] = True
        marks[ABSENT] = False
        return marks

    def spread(self, marks: Bools) -> Bools:
        """``marks`` (entries,) with those that hold a marked one among several."""
        if not self.several:
            return marks
        if self.several != self._read_lists:
            lengths = np.fromiter(map(len, self._lists), np.int64, self.several)
            entries = np.fromiter(self._lists.values(), np.int64, self.several)
            self._owners = np.repeat(entries, lengths)
            self._members = np.fromiter(chain.from_iterable(self._lists), np.int64)
            self._read_lists = self.several
        marks[self._owners[marks[self._members]]] = True
        return marks
