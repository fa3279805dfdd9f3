"""What products are, as arrays that pairs of products are compared by.

Nothing here knows what a field means: a field with few values is a *group* (department, brand …),
a number is a *scale*, and all of it together is the text vector of ``content.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.domain.values import Attributes
from endcap.models.content import ContentIndex
from endcap.models.tokens import STATES, TEXTS, tokens_of

MOST_GROUPS, MOST_SCALES = 6, 3
WIDTHS = (0.1, 0.3)  # of ranks within a group: how near two numbers are alike


class Traits(NamedTuple):
    """n items, g groups, s scales."""

    groups: Int32s  # (g, n) the value's number, -1 where there is none
    ranks: Float32s  # (s, g + 1, n) place of the number from 0 to 1, of all and within each group
    texts: Any  # scipy CSR (n, tokens), rows of length 1: their products are cosines

    @property
    def features(self) -> int:
        """Features of a pair."""
        g, s = len(self.groups), len(self.ranks)
        return 1 + g + s * (g + 1) * len(WIDTHS)


def read_traits(catalogue: Sequence[Attributes]) -> Traits:
    """Of each item's attributes, which may be empty."""
    groups = _groups([tokens_of(attributes) for attributes in catalogue])
    values = _scales(catalogue)
    ranks = np.full((len(values), len(groups) + 1, len(catalogue)), np.nan, np.float32)
    for scale, numbers in enumerate(values):
        ranks[scale, 0] = _ranks(numbers, np.zeros(len(numbers), np.int32))
        for group, codes in enumerate(groups):
            ranks[scale, group + 1] = _ranks(numbers, codes)
    index = ContentIndex.build([str(row) for row in range(len(catalogue))], catalogue)
    texts = sparse.csr_matrix(
        (index.item_weights, index.item_tokens, index.item_starts),
        shape=(len(catalogue), max(len(index.token_hashes), 1)),
    )
    return Traits(groups, ranks, texts)


def compare(traits: Traits, a: Int64s, b: Int64s, cosines: Float32s) -> Float32s:
    """(pairs, features) of the items a with the items b, both (pairs,): the cosine, whether a
    group is the same, how near the numbers are among all and, where a group is the same, in it."""
    columns = [cosines]
    same = (traits.groups[:, a] == traits.groups[:, b]) & (traits.groups[:, a] >= 0)
    columns += list(same.astype(np.float32))
    for ranks in traits.ranks:
        for group, rank in enumerate(ranks):
            apart = rank[a] - rank[b]
            for width in WIDTHS:
                near = np.nan_to_num(np.exp(-0.5 * (apart / width) ** 2))
                columns.append(near if group == 0 else near * same[group - 1])
    return np.stack(columns, axis=1).astype(np.float32)


def _groups(items: Sequence[dict[str, list[str]]]) -> Int32s:
    """Fields in which products share values, those with most values first: (g, n)."""
    counts: dict[str, Counter[str]] = {}
    for fields in items:
        for field, tokens in fields.items():
            if field not in TEXTS and len(tokens) == 1:
                counts.setdefault(field, Counter())[tokens[0]] += 1
    n = len(items)
    fit = [
        (len(values), field)
        for field, values in counts.items()
        if 2 <= len(values) <= n / 3 and values.total() >= n / 3
    ]
    chosen = [field for _, field in sorted(fit, key=lambda x: (-x[0], x[1]))[:MOST_GROUPS]]
    result = np.full((len(chosen), n), -1, np.int32)
    for at, field in enumerate(chosen):
        codes = {value: code for code, value in enumerate(sorted(counts[field]))}
        for row, fields in enumerate(items):
            if len(tokens := fields.get(field, [])) == 1:
                result[at, row] = codes[tokens[0]]
    return result


def _scales(catalogue: Sequence[Attributes]) -> list[Float32s]:
    """The numbers of each field that has them for most products: (n,) each, NaN where none."""
    found: dict[str, Float32s] = {}
    for row, attributes in enumerate(catalogue):
        for name, value in attributes.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and name.lower() not in STATES:
                held = found.setdefault(name, np.full(len(catalogue), np.nan, np.float32))
                held[row] = value
    most = [
        (name, values)
        for name, values in sorted(found.items())
        if np.isfinite(values).sum() > len(catalogue) / 2 and len(np.unique(values)) > 10
    ]
    return [values for _, values in most[:MOST_SCALES]]


def _ranks(values: Float32s, codes: Int32s) -> Float32s:
    """(n,) the share of a group's members below each, equal values alike by place; NaN: unknown."""
    known = np.flatnonzero(np.isfinite(values) & (codes >= 0))
    order = known[np.lexsort((values[known], codes[known]))]
    first = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(np.append(first, len(order)))
    place = np.arange(len(order)) - np.repeat(first, sizes)
    result = np.full(len(values), np.nan, np.float32)
    result[order] = (place + 0.5) / np.repeat(sizes, sizes)
    return result
