"""The default recipe on shops whose right answer is visible, and on hardly any data."""

from pathlib import Path

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.errors import Damaged
from endcap.models.queries import ModelQuery, batch
from endcap.models.recipe import Recipe

WEEK_US = 7 * 86_400_000_000


def ask(*items: int) -> ModelQuery:
    n = len(items)
    return ModelQuery(np.array(items, "i4"), np.zeros(n, "u1"), np.zeros(n, "f4"))


def checkerboard(seed: int = 0) -> Interactions:
    """Even users take even items, odd users odd ones: 20 items, in no order."""
    draw = np.random.default_rng(seed)
    return from_sequences(
        [(draw.choice(10, 5, replace=False) * 2 + u % 2).tolist() for u in range(200)],
        20,
        ordered=False,
    )


def chains(seed: int = 0) -> Interactions:
    """Sessions that walk i → i + 1 around a circle of 30 items."""
    draw = np.random.default_rng(seed)
    begins = draw.integers(0, 30, 400)
    return from_sequences(
        [[int(b + step) % 30 for step in range(4)] for b in begins], 30, ordered=True
    )


@pytest.fixture(scope="module")
def board() -> Recipe:
    return Recipe.fit(checkerboard())


def test_checkerboard_shop_is_answered_by_colour(board: Recipe) -> None:
    for colour in (0, 1):
        found = board.candidates(ask(colour, colour + 2), 8, exclude=np.array([colour, colour + 2]))
        assert set(found.rows % 2) == {colour}
        assert len(found.rows) == 8
        assert np.all(np.diff(found.scores) <= 0)
        assert set(board.related(colour, 5).rows % 2) == {colour}
        assert colour not in board.related(colour, 19).rows


def test_sessions_are_continued_in_their_direction() -> None:
    recipe = Recipe.fit(chains())
    right = [recipe.candidates(ask((i - 1) % 30, i), 1).rows[0] == (i + 1) % 30 for i in range(30)]
    assert np.mean(right) > 0.9
    assert recipe.info["held_out"]["recall@20"] > 0.95


def crossroads(seed: int = 0) -> Interactions:
    """Where a session goes depends on its first two items together, on neither of them alone."""
    draw = np.random.default_rng(seed)
    begins = draw.integers(0, 10, (1000, 2)).tolist()
    return from_sequences([[a, 10 + b, 20 + (a + b) % 10] for a, b in begins], 30, ordered=True)


def test_what_follows_two_items_is_answered_and_survives_saving(tmp_path: Path) -> None:
    recipe = Recipe.fit(crossroads())
    recipe.save(tmp_path)
    assert "pair" in recipe.component_names
    at = recipe.component_names.index("pair")
    for form in (recipe, Recipe.load(tmp_path)):
        for begin in range(10):
            query, target = ask(begin, 13), 20 + (begin + 3) % 10
            assert form.candidates(query, 1).rows.tolist() == [target]
            given = form.account(query, target)[1][:, at]
            assert given[0] > 0  # what the earlier event says together with the newest
            assert given[1] == 0
    keys = np.load(tmp_path / "pair_keys.npy")
    np.save(tmp_path / "pair_keys.npy", keys[:-1])
    with pytest.raises(Damaged):
        Recipe.load(tmp_path)


def test_a_model_of_the_format_before_pairs_is_read(board: Recipe, tmp_path: Path) -> None:
    board.save(tmp_path)
    (tmp_path / "pair_keys.npy").unlink()
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 1'))
    answer = Recipe.load(tmp_path).candidates(ask(0), 5)
    np.testing.assert_array_equal(answer.rows, board.candidates(ask(0), 5).rows)


def test_fitting_leaves_the_data_as_they_were() -> None:
    data, same = chains(), chains()
    Recipe.fit(data)
    np.testing.assert_array_equal(data.item, same.item)


def test_allowed_and_exclude_bound_the_answer(board: Recipe) -> None:
    allowed = np.zeros(20, bool)
    allowed[[4, 5, 6]] = True
    found = board.candidates(ask(2), 10, allowed=allowed, exclude=np.array([6]))
    assert set(found.rows) == {4, 5}
    assert set(board.related(2, 5, allowed).rows) == {4, 5, 6}


def test_candidates_agree_with_score_and_contributions(board: Recipe) -> None:
    query = ask(0, 4, 3, 10)
    found = board.candidates(query, 20)
    np.testing.assert_allclose(board.score(query, found.rows), found.scores, rtol=1e-5, atol=1e-6)
    for row in found.rows[:5]:
        given = board.contributions(query, int(row))
        assert given.shape == (4,)
        total = given.sum() + board.mixture.prior[row]
        assert total == pytest.approx(board.score(query, np.array([row]))[0], abs=1e-4)
    many, _ = board.candidates_many(batch([ask(1), query, ask()]), 20)
    np.testing.assert_array_equal(many[1], found.rows)


def test_what_was_never_seen_cannot_be_scored() -> None:
    data = from_sequences([[0, 1], [1, 0], [0, 1]], 3, ordered=True)
    recipe = Recipe.fit(data)
    scores = recipe.score(ask(0), np.array([0, 2, 7, -1]))
    assert np.isnan(scores).tolist() == [False, True, True, True]
    assert 2 not in recipe.candidates(ask(0), 3).rows
    assert len(recipe.candidates(ask(0, 9, -1), 3).rows) == 2  # strange history is passed over
    assert len(recipe.related(9, 2).rows) == 2


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    "sequences",
    [[], [[0]], [[0, 1]], [[0, 0, 0, 0]], [[0, 1, 2, 0, 1]], [[1]] * 40, [[0, 1]] * 300],
    ids=["none", "one", "two", "same", "one user", "one item", "two items"],
)
def test_hardly_any_data_is_no_error(
    sequences: list[list[int]], ordered: bool, tmp_path: Path
) -> None:
    recipe = Recipe.fit(from_sequences(sequences, 3, ordered=ordered))
    seen = {item for s in sequences for item in s}
    assert set(recipe.candidates(ask(0), 5).rows) == seen
    assert set(recipe.candidates(ask(), 5).rows) == seen
    recipe.save(tmp_path)
    assert set(Recipe.load(tmp_path).candidates(ask(0), 5).rows) == seen


def test_no_item_at_all() -> None:
    recipe = Recipe.fit(from_sequences([], 0, ordered=True))
    assert len(recipe.candidates(ask(), 5).rows) == 0
    assert len(recipe.candidates(ask(4), 5).rows) == 0


def shop(repeats: bool, seed: int = 1) -> Interactions:
    """Purchases over ten weeks: with ``repeats`` everybody buys their own two items again and
    again, without them every purchase is of a new item."""
    draw = np.random.default_rng(seed)
    user = np.repeat(np.arange(150, dtype="i4"), 10)
    item = np.empty(len(user), "i4")
    for u in range(150):
        own = draw.choice(40, 10, replace=False)
        item[u * 10 : u * 10 + 10] = own[draw.integers(0, 2, 10)] if repeats else own
    return Interactions(
        user=user,
        item=item,
        type=np.full(len(user), 2, "u1"),
        ts=np.tile(np.arange(10, dtype="i8") * WEEK_US, 150),
        user_ids=[f"u{i}" for i in range(150)],
        item_ids=[f"ü{i}" for i in range(40)],
    )


def test_repeats_are_decided_by_the_data() -> None:
    again = Recipe.fit(shop(repeats=True))
    assert again.info["seen_policy"] == "none"
    assert again.info["repeat_rate"] > 0.5
    assert set(again.candidates(ask(7, 11, 7), 2).rows) == {7, 11}
    once = Recipe.fit(shop(repeats=False))
    assert once.info["seen_policy"] == "exclude_purchased"
    assert once.info["repeat_rate"] == 0


def test_same_data_and_seed_give_the_same_model_whatever_the_threads() -> None:
    one, two = Recipe.fit(chains(), seed=5, threads=1), Recipe.fit(chains(), seed=5, threads=3)
    assert one.info == two.info
    for a, b in zip(one.mixture.stack, two.mixture.stack, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_saved_model_answers_the_same_from_shared_pages(board: Recipe, tmp_path: Path) -> None:
    board.save(tmp_path)
    for mmap in (True, False):
        loaded = Recipe.load(tmp_path, mmap)
        assert isinstance(loaded.mixture.stack.weights.base, np.memmap) == mmap
        assert list(loaded.item_ids) == list(board.item_ids)
        assert loaded.info == board.info
        for query in (ask(0, 3), ask()):
            for mine, theirs in zip(
                board.candidates(query, 20), loaded.candidates(query, 20), strict=True
            ):
                np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["manifest.json", "weights.npy", "prior.npy", "id_letters.npy"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_folder_is_named(board: Recipe, tmp_path: Path, name: str, damage: str) -> None:
    board.save(tmp_path)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Damaged) as caught:
        Recipe.load(tmp_path)
    assert caught.value.code == "model_unreadable"


def test_ids_survive_in_any_script(tmp_path: Path) -> None:
    recipe = Recipe.fit(shop(repeats=False))
    recipe.save(tmp_path)
    ids = Recipe.load(tmp_path).item_ids
    assert ids[3] == "ü3"
    assert ids[-1] == "ü39"
    assert ids[:2] == ["ü0", "ü1"]
    with pytest.raises(IndexError):
        ids[40]


def test_a_budget_shortens_the_search_and_progress_ends_at_one() -> None:
    told: list[float] = []
    short = Recipe.fit(chains(), budget_s=0.2, progress=lambda stage, share: told.append(share))
    full = Recipe.fit(chains())
    assert 0 < len(short.info["search"]) < len(full.info["search"])
    assert told == sorted(told)
    assert told[-1] == 1.0
    nothing = Recipe.fit(chains(), budget_s=0.0)
    assert len(nothing.candidates(ask(1), 5).rows) == 5
