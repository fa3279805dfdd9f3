"""``Serving``: the models that answer, tied to the rows of one vocabulary. Immutable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.domain.arrays import Int32s
from endcap.domain.values import EVENT_TYPES, EXCLUDE_PURCHASED
from endcap.engine.ids import Vocabulary
from endcap.engine.joining import rows_of
from endcap.models.content import ContentIndex
from endcap.models.embeddings import Embeddings
from endcap.models.newcomers import Newcomers
from endcap.models.ranker import Ranker
from endcap.models.recipe import Recipe


@dataclass(frozen=True)
class Serving:
    """One model version as this process serves it. ``version`` is "" before the first training.

    ``to_model`` (vocabulary rows known at binding,) and ``to_row`` (model rows,) translate rows;
    -1 marks what the other side does not know.
    """

    version: str
    recipe: Recipe | None
    content: ContentIndex | None
    to_model: Int32s
    to_row: Int32s
    seen_policy: str
    event_types: tuple[str, ...] = EVENT_TYPES  # by the codes that the model was trained with
    ranker: Ranker | None = None  # its rows are the recipe's
    embeddings: Embeddings | None = None  # and so are theirs
    newcomers: Newcomers | None = None  # and theirs

    def model_row(self, row: int) -> int:
        return int(self.to_model[row]) if 0 <= row < len(self.to_model) else -1

    def embedded_row(self, row: int) -> int:
        """The row of the embeddings that stands for vocabulary row ``row``; -1: none does."""
        model_row = self.model_row(row)
        if self.embeddings is None or model_row < 0 or not self.embeddings.known[model_row]:
            return -1
        return model_row

    def model_rows(self, rows: Int32s) -> Int32s:
        """Vocabulary rows (n,) to model rows (n,); -1 where the model does not know the item."""
        if not len(rows) or not len(self.to_model):
            return np.full(len(rows), -1, np.int32)
        if int(rows.max()) < len(self.to_model):
            return self.to_model[rows]
        known = rows < len(self.to_model)
        return np.where(known, self.to_model[np.where(known, rows, 0)], -1).astype(np.int32)


EMPTY = np.zeros(0, np.int32)
UNTRAINED = Serving("", None, None, EMPTY, EMPTY, EXCLUDE_PURCHASED)


def bind(
    version: str,
    recipe: Recipe,
    content: ContentIndex | None,
    vocabulary: Vocabulary,
    ranker: Ranker | None = None,
    embeddings: Embeddings | None = None,
    newcomers: Newcomers | None = None,
) -> Serving:
    """Tie a loaded model to a vocabulary. Items that either does not know map to -1."""
    to_row = rows_of(recipe.item_ids, vocabulary)  # (model rows,)
    to_model = np.full(len(vocabulary), -1, np.int32)
    known = to_row >= 0
    to_model[to_row[known]] = np.flatnonzero(known).astype(np.int32)
    policy = str(recipe.info.get("seen_policy", EXCLUDE_PURCHASED))
    types = tuple(recipe.info.get("event_types", EVENT_TYPES))
    return Serving(
        version, recipe, content, to_model, to_row, policy, types, ranker, embeddings, newcomers
    )
