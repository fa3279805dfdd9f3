"""Many texts searched at once: joined into one, so that a search is one walk in compiled code."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from endcap.domain.arrays import Bools
from endcap.domain.filters import ENDS_WITH, STARTS_WITH
from endcap.engine.attribute_values import fits_folded

_BETWEEN = "\0"


class JoinedTexts:
    """``texts`` in folded case, with a separator before, between and behind them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        folded = [text.casefold() for text in texts]
        self._joined = _BETWEEN + _BETWEEN.join(folded) + _BETWEEN
        lengths = np.fromiter(map(len, folded), np.int64, len(folded))
        self._ends = np.cumsum(lengths + 1)  # (texts,) of the separator behind each
        # A text that holds the separator itself: all are looked at one by one.
        self._apart = folded if any(_BETWEEN in text for text in folded) else None

    def which(self, function: str, text: str) -> Bools:
        """(texts,) those that hold, begin with, or end in ``text``, in any case."""
        looked = text.casefold()
        if self._apart is not None or not looked or _BETWEEN in looked:
            return self._one_by_one(function, looked)
        before = _BETWEEN if function == STARTS_WITH else ""
        behind = _BETWEEN if function == ENDS_WITH else ""
        found = re.finditer(re.escape(before + looked + behind), self._joined)
        # Of what was found, the place of a character of the text itself.
        shift = len(before)
        places = np.fromiter((match.start() + shift for match in found), np.int64)
        marks = np.zeros(self.size, np.bool_)
        marks[np.searchsorted(self._ends, places, side="left")] = True
        return marks

    def _one_by_one(self, function: str, looked: str) -> Bools:
        texts = self._joined[1:-1].split(_BETWEEN) if self._apart is None else self._apart
        told = (fits_folded(text, function, looked) for text in texts)
        return np.fromiter(told, np.bool_, self.size)
