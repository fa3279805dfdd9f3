"""Products alike by their attributes: what counts, what does not, and that it survives a disk."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.synthetic.catalogue import describe
from endcap.data.synthetic.demand import open_shop
from endcap.data.synthetic.plan import Plan
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.models.content import COMMON_LEAST, ContentIndex
from endcap.models.content_kernel import matches, matches_numpy

SHOP: list[Attributes] = [
    {"name": "Organic Bananas 1 kg", "department": "produce", "price": 1.9},
    {"name": "Fair-Trade Bananas 500 g", "department": "produce", "price": 1.5},
    {"name": "Gala Apples 1 kg", "department": "produce", "price": 2.2},
    {"name": "Frying Pan 24 cm", "department": "kitchen", "price": 39.0},
    {"name": "Frying Pan 28 cm", "department": "kitchen", "price": 45.0},
    {"name": "Wok 28 cm", "department": "kitchen", "price": 49.0},
    {},
]


def index_of(catalogue: list[Attributes]) -> ContentIndex:
    return ContentIndex.build([f"p{row}" for row in range(len(catalogue))], catalogue)


@pytest.fixture(scope="module")
def generated() -> tuple[list[Attributes], ContentIndex]:
    goods = open_shop(Plan(items=1_500, seed=4)).catalogue
    catalogue: list[Attributes] = [
        {**describe(goods, row), "price": float(goods.price[row])} for row in range(len(goods))
    ]
    return catalogue, index_of(catalogue)


def test_a_new_product_stands_beside_its_like() -> None:
    found = index_of(SHOP).neighbours({"name": "Ripe bananas", "department": "produce"}, 3)
    assert set(found.rows[:2].tolist()) == {0, 1}
    assert found.rows[2] == 2
    assert (np.diff(found.scores) <= 0).all()


def test_similar_leaves_the_item_itself_out() -> None:
    found = index_of(SHOP).similar(3, 10)
    assert found.rows[0] == 4
    assert 3 not in found.rows
    assert 6 not in found.rows


def test_the_same_attributes_are_as_near_as_can_be() -> None:
    index = index_of(SHOP)
    for row in range(6):
        found = index.neighbours(SHOP[row], 6)
        assert found.rows[0] == row
        assert found.scores[0] == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(found.scores[1:], index.similar(row, 5).scores, rtol=1e-5)


def test_only_allowed_items_are_found() -> None:
    allowed = np.array([False, True, False, True, True, True, True])
    found = index_of(SHOP).neighbours(SHOP[0], 5, allowed)
    assert found.rows[0] == 1
    assert not set(found.rows.tolist()) & {0, 2}


@pytest.mark.parametrize("attributes", [{}, {"colour": "teal"}, {"name": None}, {"name": "Zzz"}])
def test_nothing_shared_means_nothing_found(attributes: Attributes) -> None:
    found = index_of(SHOP).neighbours(attributes, 5)
    assert len(found.rows) == len(found.scores) == 0


def test_an_item_without_attributes_has_no_like() -> None:
    assert len(index_of(SHOP).similar(6, 5).rows) == 0


@pytest.mark.parametrize("catalogue", [[], [{}], [{}, {}], [{"name": "one of a kind"}]])
def test_catalogues_with_nothing_to_compare(catalogue: list[Attributes], tmp_path: Path) -> None:
    index = index_of(catalogue)
    assert len(index.neighbours({"name": "kind"}, 3).rows) == 0
    index.save(tmp_path)
    assert len(ContentIndex.load(tmp_path).neighbours({"name": "kind"}, 3).rows) == 0


def test_no_more_than_asked_for_and_the_lower_row_of_equals() -> None:
    index = index_of([{"brand": "A"}, {"brand": "B"}] * 5)
    assert index.neighbours({"brand": "A"}, 3).rows.tolist() == [0, 2, 4]
    assert index.similar(4, 2).rows.tolist() == [0, 2]
    assert len(index.neighbours({"brand": "A"}, 0).rows) == 0


def test_a_rare_value_counts_more_than_a_common_one() -> None:
    catalogue: list[Attributes] = [{"colour": "red", "maker": f"m{row // 2}"} for row in range(40)]
    catalogue += [{"colour": "blue", "maker": f"n{row // 2}"} for row in range(40)]
    catalogue += [{"colour": "blue", "maker": "m3"}]
    found = index_of(catalogue).neighbours({"colour": "red", "maker": "m3"}, 100)
    scores = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    assert scores[6] == pytest.approx(scores[7])
    assert scores[6] > scores[80] > scores[0]


def test_what_a_large_part_of_the_catalogue_has_is_left_out() -> None:
    count = 4 * COMMON_LEAST
    catalogue: list[Attributes] = [
        {"brand": f"b{row % 100}", "kind": "common" if row % 2 else f"k{row % 40}"}
        for row in range(count)
    ]
    index = index_of(catalogue)
    assert len(index.neighbours({"kind": "common"}, 10).rows) == 0
    assert len(index.neighbours({"kind": "k2"}, 10).rows) == 10
    held = np.diff(index.posting_starts)
    assert held.max() <= 0.2 * count


def test_neighbours_in_a_shop_are_of_the_same_aisle(
    generated: tuple[list[Attributes], ContentIndex],
) -> None:
    catalogue, index = generated
    rows = range(0, len(catalogue), 29)
    same = [
        catalogue[other]["aisle"] == catalogue[row]["aisle"]
        for row in rows
        for other in index.similar(row, 5).rows
    ]
    assert np.mean(same) > 0.85


def test_the_kernel_equals_its_numpy_reference(
    generated: tuple[list[Attributes], ContentIndex],
) -> None:
    index = generated[1]
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 60):
        tokens = rng.choice(len(index.token_hashes), size, replace=False).astype(np.int32)
        values = rng.random(size).astype(np.float32) + 0.01
        postings = (index.posting_starts, index.posting_items, index.posting_weights)
        fast = matches(*postings, tokens, values, 1_500)
        plain = matches_numpy(*postings, tokens, values, 1_500)
        order = np.argsort(fast[0])
        np.testing.assert_array_equal(fast[0][order], plain[0])
        np.testing.assert_allclose(fast[1][order], plain[1], rtol=1e-5)


WORDS = st.sampled_from(["red", "blue", "oak", "pine", "soft", "hard"])
PRODUCTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.lists(WORDS, max_size=4).map(" ".join),
        "tags": st.lists(WORDS, max_size=3),
        "price": st.floats(0.01, 1e6),
        "vegan": st.booleans(),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PRODUCTS, min_size=1, max_size=25), PRODUCTS)
def test_the_answer_is_that_of_dense_cosines(
    catalogue: list[Attributes], asked: Attributes
) -> None:
    index = index_of(catalogue)
    dense = np.zeros((len(catalogue), len(index.token_hashes)))
    for row in range(len(catalogue)):
        span = slice(index.item_starts[row], index.item_starts[row + 1])
        dense[row, index.item_tokens[span]] = index.item_weights[span]
    lengths = np.linalg.norm(dense, axis=1)
    np.testing.assert_allclose(lengths[lengths > 0], 1.0, rtol=1e-5)
    for row in range(len(catalogue)):
        found = index.similar(row, len(catalogue))
        expected = np.delete(dense @ dense[row], row)
        np.testing.assert_allclose(found.scores, np.sort(expected[expected > 0])[::-1], atol=1e-5)
    found = index.neighbours(asked, len(catalogue))
    assert ((found.scores > 0) & (found.scores <= 1)).all()


def test_save_and_load_keep_every_answer(
    generated: tuple[list[Attributes], ContentIndex], tmp_path: Path
) -> None:
    catalogue, index = generated
    index.save(tmp_path)
    assert all(path.suffix in (".npy", ".json") for path in tmp_path.iterdir())
    for mapped in (True, False):
        loaded = ContentIndex.load(tmp_path, mmap=mapped)
        assert list(loaded.item_ids[:3]) == ["p0", "p1", "p2"]
        assert loaded.fields == index.fields
        for row in (0, 700, 1_499):
            for before, after in (
                (index.similar(row, 9), loaded.similar(row, 9)),
                (index.neighbours(catalogue[row], 9), loaded.neighbours(catalogue[row], 9)),
            ):
                np.testing.assert_array_equal(before.rows, after.rows)
                np.testing.assert_array_equal(before.scores, after.scores)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"{}"),
        ("manifest.json", b'{"format": 99, "fields": {}}'),
        ("token_hashes.npy", b"nonsense"),
        ("posting_items.npy", None),
    ],
)
def test_a_damaged_folder_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    index_of(SHOP).save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Damaged) as caught:
        ContentIndex.load(tmp_path)
    assert caught.value.code == "content_unreadable"
    assert caught.value.value == str(tmp_path)


def test_arrays_that_point_outside_are_damaged(tmp_path: Path) -> None:
    index_of(SHOP).save(tmp_path)
    items = np.load(tmp_path / "posting_items.npy")
    items[0] = len(SHOP)
    np.save(tmp_path / "posting_items.npy", items)
    with pytest.raises(Damaged) as caught:
        ContentIndex.load(tmp_path)
    assert caught.value.code == "content_unreadable"


def test_ids_and_attributes_must_be_of_the_same_items() -> None:
    with pytest.raises(ValueError, match="2 items but attributes of 1"):
        ContentIndex.build(["a", "b"], [{}])
