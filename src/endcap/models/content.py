"""Products that resemble one another by their attributes: for items without history.

A product is a sparse vector over the tokens of its attributes. The vector of one field holds the
tokens' inverse document frequencies log(items / items with the token), scaled to length 1 and
times the field's weight: the mean inverse document frequency of the tokens seen in that field. So
a field that tells products apart counts more, whatever it is called. The whole vector has length
1, and similarity is the cosine. Source of the weighting: Salton & Buckley, "Term-weighting
approaches in automatic text retrieval", Information Processing & Management 24 (1988).

Tokens of one product match nothing and are left out; so are those of more than a fifth of a
large catalogue, which cost time and say little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt64s, load_array
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.models.content_kernel import matches
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.queries import Scored
from endcap.models.tokens import tokens_of

FORMAT = 1
COMMON_SHARE, COMMON_LEAST = 0.2, 200  # of the items; fewer holders are never too many
_ARRAYS = (
    "token_hashes", "token_weights", "posting_starts", "posting_items", "posting_weights",
    "item_starts", "item_tokens", "item_weights",
)  # fmt: skip


class ContentIndex:
    """n items, t tokens. Rows are positions in ``item_ids``. Immutable."""

    def __init__(
        self, item_ids: Sequence[str], fields: Mapping[str, float], arrays: Mapping[str, Any]
    ) -> None:
        self.item_ids = item_ids
        self.fields = dict(fields)  # weight by name
        self._arrays = arrays
        self.token_hashes: UInt64s = arrays["token_hashes"]  # (t,) rising
        self.token_weights: Float32s = arrays["token_weights"]  # (t,) inverse frequency
        self.posting_starts: Int64s = arrays["posting_starts"]  # (t + 1,)
        self.posting_items: Int32s = arrays["posting_items"]  # (nnz,) by token, rising within
        self.posting_weights: Float32s = arrays["posting_weights"]
        self.item_starts: Int64s = arrays["item_starts"]  # (n + 1,)
        self.item_tokens: Int32s = arrays["item_tokens"]  # (nnz,) by item
        self.item_weights: Float32s = arrays["item_weights"]

    @staticmethod
    def build(
        item_ids: Sequence[str],
        catalogue: Sequence[Attributes],
        fields: Mapping[str, float] | None = None,
    ) -> ContentIndex:
        """Index ``catalogue``, which says of each item what is known; may be empty for some.
        ``fields``: weights > 0 that take the place of those measured here, by field."""
        if len(item_ids) != len(catalogue):
            raise ValueError(f"{len(item_ids)} items but attributes of {len(catalogue)}")
        starts, tokens, names, field_of = _read(catalogue)
        return ContentIndex(item_ids, *_weigh(starts, tokens, names, field_of, fields or {}))

    def neighbours(self, attributes: Attributes, n: int, allowed: Bools | None = None) -> Scored:
        """The ``n`` items nearest to a product that need not be in the index, by cosine (0 to 1).

        Only rows under ``allowed`` (n items,). Fewer than ``n`` where fewer share a token.
        """
        rows, weights = self._vector(attributes)
        return self._nearest(rows, weights, n, allowed, -1)

    def similar(self, row: int, n: int, allowed: Bools | None = None) -> Scored:
        """The ``n`` items nearest to the item at ``row``, without itself."""
        span = slice(self.item_starts[row], self.item_starts[row + 1])
        return self._nearest(self.item_tokens[span], self.item_weights[span], n, allowed, row)

    def save(self, folder: Path) -> None:
        """Write .npy arrays and manifest.json into an existing empty folder."""
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", self._arrays[name])
        save_ids(folder, self.item_ids)
        manifest = msgspec.json.encode({"format": FORMAT, "fields": self.fields})
        (folder / "manifest.json").write_bytes(msgspec.json.format(manifest, indent=2))

    @staticmethod
    def load(folder: Path, mmap: bool = True) -> ContentIndex:
        """Open a saved folder; arrays are mapped read-only, shared between processes.
        Raises Damaged (content_unreadable)."""

        def array(name: str) -> Any:
            path = folder / f"{name}.npy"
            return load_array(path, mmap)

        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}")
            fields = msgspec.convert(manifest["fields"], dict[str, float])
            arrays = {name: array(name) for name in _ARRAYS}
            ids = ItemIds.load(folder, mmap)
            _check(arrays, len(ids))
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged("content_unreadable", value=str(folder), reason=str(problem)) from problem
        return ContentIndex(ids, fields, arrays)

    def _vector(self, attributes: Attributes) -> tuple[Int32s, Float32s]:
        """Token rows (q,) and weights (q,) of length 1; tokens that the index lacks count not."""
        rows: list[int] = []
        weights: list[float] = []
        for field, tokens in tokens_of(attributes).items():
            if field not in self.fields or not len(self.token_hashes):
                continue
            hashes = _hashes(tokens)
            places = np.minimum(
                np.searchsorted(self.token_hashes, hashes), len(self.token_hashes) - 1
            )
            known = places[self.token_hashes[places] == hashes]
            inverse = self.token_weights[known].astype(np.float64)
            length = float(np.sqrt((inverse**2).sum())) or 1.0
            rows += known.tolist()
            weights += (inverse * (self.fields[field] / length)).tolist()
        vector = np.array(weights, np.float64)
        vector /= float(np.sqrt((vector**2).sum())) or 1.0
        return np.array(rows, np.int32), vector.astype(np.float32)

    def _nearest(
        self, tokens: Int32s, weights: Float32s, n: int, allowed: Bools | None, left_out: int
    ) -> Scored:
        items, scores = matches(
            self.posting_starts,
            self.posting_items,
            self.posting_weights,
            tokens,
            weights,
            len(self.item_ids),
        )
        kept = items != left_out
        if allowed is not None:
            kept &= allowed[items]
        return _best(items[kept], scores[kept], n)


def _best(items: Int32s, scores: Float32s, n: int) -> Scored:
    """The n highest, highest first; of equal scores the lower row."""
    if n <= 0:
        return Scored(items[:0], scores[:0])
    if len(items) > n:
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        near = np.flatnonzero(scores >= least)
        items, scores = items[near], scores[near]
    order = np.lexsort((items, -scores))[:n]
    return Scored(items[order], np.minimum(scores[order], np.float32(1.0)))


def _read(catalogue: Sequence[Attributes]) -> tuple[Int64s, Int32s, list[str], list[str]]:
    """(items + 1,) starts, (nnz,) token numbers, the tokens, and the field of each."""
    numbers: dict[str, int] = {}
    fields: list[str] = []
    found: list[list[int]] = []
    for attributes in catalogue:
        row: list[int] = []
        for field, tokens in tokens_of(attributes).items():
            for token in tokens:
                number = numbers.setdefault(token, len(fields))
                if number == len(fields):
                    fields.append(field)
                row.append(number)
        found.append(row)
    starts = np.concatenate(([0], np.cumsum([len(row) for row in found]))).astype(np.int64)
    tokens_ = np.fromiter(chain.from_iterable(found), np.int32, int(starts[-1]))
    return starts, tokens_, list(numbers), fields


def _weigh(
    starts: Int64s,
    tokens: Int32s,
    names: list[str],
    fields: list[str],
    given: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, Any]]:
    """The fields' weights and the arrays of the index."""
    n, t = len(starts) - 1, len(names)
    holders = np.bincount(tokens, minlength=t)
    common = holders > max(COMMON_SHARE * n, COMMON_LEAST)
    inverse = np.where(common | (holders < 2), 0.0, np.log(n / np.maximum(holders, 1)))
    field_names = sorted(set(fields))
    field = np.searchsorted(field_names, fields) if t else np.zeros(0, np.int64)
    told = inverse > 0
    mass = np.bincount(field[told], holders[told] * inverse[told], len(field_names))
    weight = mass / np.maximum(np.bincount(field[told], holders[told], len(field_names)), 1)
    weight = np.array([given.get(f, w) for f, w in zip(field_names, weight, strict=True)])

    item = np.repeat(np.arange(n), np.diff(starts))
    kept = told[tokens]
    item, tokens = item[kept], tokens[kept]
    part = item * max(len(field_names), 1) + field[tokens]  # one field of one item
    lengths = np.sqrt(np.bincount(part, inverse[tokens] ** 2))
    values = inverse[tokens] * weight[field[tokens]] / lengths[part]
    values /= np.sqrt(np.bincount(item, values**2, n))[item]

    hashes = _hashes(names)
    order = np.flatnonzero(told)  # the tokens that tell something, by hash
    order = order[np.argsort(hashes[order])]
    place = np.zeros(t, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    coordinates = (values.astype(np.float32), (item, place[tokens]))
    arrays = {"token_hashes": hashes[order], "token_weights": inverse[order].astype(np.float32)}
    from scipy import sparse  # here: answers do without

    arrays |= _both_ways(sparse.csr_matrix(coordinates, shape=(n, len(order))))
    return dict(zip(field_names, weight.tolist(), strict=True)), arrays


def _both_ways(by_item: Any) -> dict[str, Any]:
    """The arrays of an (items, tokens) matrix, by item and by token."""
    by_token = by_item.tocsc()
    return {
        "posting_starts": by_token.indptr.astype(np.int64),
        "posting_items": by_token.indices.astype(np.int32),
        "posting_weights": by_token.data,
        "item_starts": by_item.indptr.astype(np.int64),
        "item_tokens": by_item.indices.astype(np.int32),
        "item_weights": by_item.data,
    }


def _hashes(tokens: Sequence[str]) -> UInt64s:
    """64 bits of each token's BLAKE2b digest, (t,)."""
    digests = b"".join(blake2b(token.encode(), digest_size=8).digest() for token in tokens)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _check(arrays: Mapping[str, Any], n: int) -> None:
    """What must hold before a compiled kernel may read the arrays."""
    t = len(arrays["token_hashes"])
    for starts, members, weights, rows, bound in (
        ("posting_starts", "posting_items", "posting_weights", t, n),
        ("item_starts", "item_tokens", "item_weights", n, t),
    ):
        ends, inside = arrays[starts], arrays[members]
        fits = len(ends) == rows + 1 and ends[0] == 0 and ends[-1] == len(inside)
        fits = fits and (np.diff(ends) >= 0).all() and len(arrays[weights]) == len(inside)
        if not fits or (len(inside) and not 0 <= inside.min() <= inside.max() < bound):
            raise ValueError(f"{starts} and {members} do not belong together")
    if len(arrays["token_weights"]) != t:
        raise ValueError("token_weights has another length than token_hashes")
