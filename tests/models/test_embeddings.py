"""Embeddings: groups of items are found, a click moves the shopper, saved form, damage."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import sparse

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.errors import Damaged, InvalidInput
from endcap.models import spectral
from endcap.models.embeddings import Embeddings
from endcap.models.queries import ModelQuery, batch
from endcap.models.spectral import Exponents

GROUPS, ITEMS = 4, 20  # a shop of four departments of twenty items


def shop(
    users: int = 400, noise: float = 0.1, seed: int = 0, ordered: bool = False
) -> Interactions:
    """Each shopper buys in one department, now and then elsewhere."""
    draw = np.random.default_rng(seed)
    sequences = []
    for _ in range(users):
        own = draw.integers(GROUPS) * ITEMS + draw.integers(0, ITEMS, 12)
        other = draw.integers(0, GROUPS * ITEMS, 12)
        bought = np.where(draw.random(12) < noise, other, own)
        sequences.append(list(dict.fromkeys(bought.tolist())))
    return from_sequences(sequences, GROUPS * ITEMS, ordered=ordered)


def history(*rows: int) -> ModelQuery:
    n = len(rows)
    return ModelQuery(np.array(rows, np.int32), np.zeros(n, np.uint8), np.zeros(n, np.float32))


@pytest.fixture(scope="module")
def fitted() -> Embeddings:
    return Embeddings.fit(shop(), dimensions=8)


def test_items_of_one_department_lie_together(fitted: Embeddings) -> None:
    right = 0
    for row in range(GROUPS * ITEMS):
        found = fitted.related(row, 10)
        assert row not in found.rows
        right += int((found.rows // ITEMS == row // ITEMS).sum())
    assert right > 0.95 * 10 * GROUPS * ITEMS


def test_a_click_moves_the_shopper(fitted: Embeddings) -> None:
    before = fitted.candidates(history(1, 2), 10)
    after = fitted.candidates(history(1, 2, 61, 62, 63, 64), 10)
    assert (before.rows // ITEMS == 0).all()
    assert (after.rows // ITEMS == 3).sum() >= 5


def test_scores_are_inner_products_of_shopper_and_item(fitted: Embeddings) -> None:
    query = history(3, 25)
    found = fitted.candidates(query, 80)
    by_hand = fitted.factors[found.rows] @ fitted.user_vector(query)
    assert np.allclose(found.scores, by_hand, atol=1e-5)
    assert len(found.rows) == GROUPS * ITEMS


def test_many_shoppers_equal_one_by_one(fitted: Embeddings) -> None:
    queries = [history(3, 25), history(), history(70, 70, 1), history(-1, 500, 4)]
    together = fitted.user_vectors(batch(queries))
    alone = np.array([fitted.user_vector(query) for query in queries])
    assert np.allclose(together, alone, atol=1e-6)
    assert not together[1].any()
    assert np.allclose(together[3], fitted.user_vector(history(4)), atol=1e-6)


def test_filters_and_exclusions(fitted: Embeddings) -> None:
    allowed = np.zeros(GROUPS * ITEMS, np.bool_)
    allowed[[5, 30, 65]] = True
    assert sorted(fitted.candidates(history(1), 10, allowed).rows.tolist()) == [5, 30, 65]
    left = np.array([5, 30], np.int32)
    assert fitted.candidates(history(1), 10, allowed, left).rows.tolist() == [65]
    assert len(fitted.candidates(history(1), 10, None, left).rows) == 10


def test_nothing_is_said_of_an_unknown_history(fitted: Embeddings) -> None:
    for query in (history(), history(-1, 999)):
        assert len(fitted.candidates(query, 10).rows) == 0
    assert len(fitted.related(-1, 10).rows) == 0


def test_items_without_events_are_not_candidates() -> None:
    data = shop()
    kept = data.where(~np.isin(data.item, [0, 45]))
    found = Embeddings.fit(kept, dimensions=8).candidates(history(1), 999)
    assert len(found.rows) == GROUPS * ITEMS - 2
    assert not np.isin([0, 45], found.rows).any()


def test_the_search_is_reported_and_its_best_is_taken() -> None:
    info = Embeddings.fit(shop(ordered=True), dimensions=8).info
    worths = [t["quality"]["recall"] + t["quality"]["ndcg"] for t in info["search"]]
    best = info["search"][int(np.argmax(worths))]
    assert {name: best[name] for name in info["exponents"]} == info["exponents"]
    assert info["held_out"] == best["quality"]
    assert {t["decay"] for t in info["search"]} > {1.0}


def test_settings_are_judged_without_what_the_shopper_has() -> None:
    data = shop(noise=0)
    quality = Embeddings.fit(data, dimensions=4).info["held_out"]
    assert quality["ndcg"] > 0.45


def test_the_same_seed_gives_the_same_vectors() -> None:
    one, same = (Embeddings.fit(shop(), dimensions=8, seed=3) for _ in range(2))
    assert np.array_equal(one.factors, same.factors)
    assert np.array_equal(one.folding, same.folding)


@pytest.mark.parametrize("users", [1, 2, 5])
def test_little_data_is_fitted_too(users: int) -> None:
    found = Embeddings.fit(shop(users)).candidates(history(*range(GROUPS * ITEMS)), 5)
    assert np.isfinite(found.scores).all()
    assert len(found.rows) == 5


def test_no_data_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Embeddings.fit(from_sequences([], 3, ordered=False))
    assert caught.value.code == "nothing_to_train_on"


@pytest.mark.parametrize("shape", [(300, 40), (900, 700), (20, 600)])
def test_the_spectrum_is_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    draw = np.random.default_rng(1)
    matrix = sparse.csr_matrix((draw.random(shape) < 0.1).astype(np.float32))
    exponents = Exponents(user=0.5, item=0.25)
    found = spectral.spectrum(matrix, 12, exponents, seed=0)
    users = np.maximum(matrix.sum(axis=1), 1)
    items = np.maximum(matrix.sum(axis=0), 1)
    scaled = np.asarray(matrix.toarray() / np.power(users, 0.5) / np.power(items, 0.25))
    _, values, turned = np.linalg.svd(scaled, full_matrices=False)
    assert np.allclose(found.values, values[:12], rtol=1e-4)
    projector = turned[:12].T @ turned[:12]  # vectors are unique but for sign
    assert np.allclose(found.vectors @ found.vectors.T, projector, atol=1e-3)


def test_a_saved_model_answers_the_same(fitted: Embeddings, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    opened = Embeddings.load(tmp_path)
    assert list(opened.item_ids) == list(fitted.item_ids)
    assert (opened.info, opened.reading) == (fitted.info, fitted.reading)
    for a, b in zip(
        opened.candidates(history(4, 9), 20), fitted.candidates(history(4, 9), 20), strict=True
    ):
        assert np.array_equal(a, b)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def reformat(folder: Path) -> None:
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**manifest, "format": 9}))


DAMAGES = {
    "a file is missing": lambda folder: (folder / "known.npy").unlink(),
    "an array is cut": lambda folder: shorten(folder / "folding.npy"),
    "the index is cut": lambda folder: shorten(folder / "index" / "vectors.npy"),
    "another format": reformat,
    "other sizes": lambda folder: np.save(folder / "folding.npy", np.zeros((3, 8), np.float32)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused(fitted: Embeddings, tmp_path: Path, damage: str) -> None:
    fitted.save(tmp_path)
    DAMAGES[damage](tmp_path)
    with pytest.raises(Damaged) as caught:
        Embeddings.load(tmp_path)
    assert caught.value.code in ("embeddings_unreadable", "vectors_unreadable")


def test_the_spectrum_of_few_directions_is_the_same_each_time() -> None:
    draw = np.random.default_rng(0)
    kinds = draw.random((5, 600)) < 0.05  # five kinds of shoppers: the matrix has five directions
    matrix = sparse.csr_matrix(kinds[draw.integers(0, 5, 900)].astype(float))
    first, second = (spectral.spectrum(matrix, 40, spectral.Exponents(), 1) for _ in range(2))
    assert len(first.values) == 5
    np.testing.assert_array_equal(first.vectors, second.vectors)
