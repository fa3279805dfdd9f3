"""Which products speak of a word: in department, aisle, brand, name or description.

Built from the catalogue as one snapshot holds it, at the first question; what changed since is
looked through beside it, so that a new product is found at once.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Sequence
from math import log1p
from threading import Lock
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.domain.values import Attributes
from endcap.engagement.places import PLACES
from endcap.engagement.words import GENERAL, words_of
from endcap.engine.attributes import AttributeTable
from endcap.engine.ragged import Blobs
from endcap.engine.state import LiveState
from endcap.models.tokens import MOST_TEXT_WORDS, MOST_VALUE_WORDS, STATES

# How much a word says by where it stands: long text, name, any other attribute (department …).
TEXT, NAME, LABEL = 0, 1, 2
WORTH = np.array([0.5, 0.8, 1.0])
_NAMES = frozenset(("name", "title"))
_BITS = 2  # of a posting: row << 2 | where the word stands


class Matches(NamedTuple):
    """Vocabulary rows (n,), ascending, and how well each fits, 0 to 1 (n,)."""

    rows: Int32s
    scores: Float32s


NO_MATCHES = Matches(np.zeros(0, np.int32), np.zeros(0, np.float32))


def words_in(attributes: Attributes) -> dict[str, int]:
    """Each word of a product and the best place where it stands."""
    found: dict[str, int] = {}
    for name, value in attributes.items():
        field = name.lower()
        if field in STATES or field in PLACES:
            continue
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.startswith(("http:", "https:")):
                _add_words(found, field, text)
    return found


def _add_words(found: dict[str, int], field: str, text: str) -> None:
    words = words_of(text)[:MOST_TEXT_WORDS]
    long = field == "description" or len(words) > MOST_VALUE_WORDS
    place = NAME if field in _NAMES else TEXT if long else LABEL
    for word in words:
        found[word] = max(found.get(word, place), place)


class WordIndex:
    """One process's index of one shop. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state: weakref.ref[LiveState] | None = None
        self._postings: dict[str, array[int]] = {}
        self._later: dict[int, dict[str, int]] = {}  # words of the rows that changed
        self._read = 0  # of the changes

    def match(self, state: LiveState, words: Sequence[str]) -> Matches:
        """Products that hold any of the words. Rare words count more (inverse document
        frequency); 1 is every word that the catalogue knows, each in a label.

        The first call after a snapshot reads the whole catalogue: keep it off the event loop.
        """
        with self._lock:
            self._follow(state)
            postings = [self._of_word(word) for word in words]
            n_items = len(state.items)
        weights = [log1p(n_items / len(rows)) if len(rows) else 0.0 for rows, _ in postings]
        if any(weight and word not in GENERAL for word, weight in zip(words, weights, strict=True)):
            weights = [w * (word not in GENERAL) for word, w in zip(words, weights, strict=True)]
        total = sum(weights)
        if not total:
            return NO_MATCHES
        postings = [posting for posting, weight in zip(postings, weights, strict=True) if weight]
        weights = [weight for weight in weights if weight]
        rows = np.concatenate([rows for rows, _ in postings])
        worth = np.concatenate(
            [
                places * (weight / total)
                for (_, places), weight in zip(postings, weights, strict=True)
            ]
        )
        found, inverse = np.unique(rows, return_inverse=True)
        scores = np.bincount(inverse, worth, len(found))
        return Matches(found.astype(np.int32), scores.astype(np.float32))

    def _follow(self, state: LiveState) -> None:
        """Read what is new in the state: everything of a new state, else the changed rows."""
        if self._state is None or self._state() is not state:
            self._postings = read(state.of_items.base)
            self._state, self._later, self._read = weakref.ref(state), {}, 0
        changed = state.of_items.changed[self._read :]
        self._read += len(changed)
        for row in dict.fromkeys(changed):
            self._later[row] = words_in(state.item_attributes(row))

    def _of_word(self, word: str) -> tuple[Int64s, Float64s]:
        """(rows, worth of each) of the products that hold the word."""
        packed = np.array(self._postings.get(word, ()), np.int64)
        rows, places = packed >> _BITS, packed & ((1 << _BITS) - 1)
        if self._later:
            changed = np.fromiter(self._later, np.int64, len(self._later))
            kept = ~np.isin(rows, changed)
            new = [(row, words[word]) for row, words in self._later.items() if word in words]
            rows = np.concatenate((rows[kept], np.array([r for r, _ in new], np.int64)))
            places = np.concatenate((places[kept], np.array([p for _, p in new], np.int64)))
        return rows, WORTH[places]


def read(base: Blobs) -> dict[str, array[int]]:
    """The postings of every word in the catalogue of a snapshot."""
    table = AttributeTable(base)
    postings: dict[str, array[int]] = {}
    for row in range(len(base)):
        for word, place in words_in(table.get(row)).items():
            held = postings.get(word)
            if held is None:
                held = postings[word] = array("q")
            held.append(row << _BITS | place)
    return postings
