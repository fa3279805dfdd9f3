"""Versions of the registry of resources: what each recipe counts, how their status moves."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.app import version_training
from endcap.app.reloading import MODELS
from endcap.app.training import drop_old_versions
from endcap.app.version_loading import OpenVersions, open_version
from endcap.app.version_training import train_version
from endcap.app.versions import promote
from endcap.control import solution_versions
from endcap.control.campaigns import campaign
from endcap.control.registry.arns import Place
from endcap.control.registry.recipes import RECIPES
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.statuses import ACTIVE, FAILED, IN_PROGRESS, PENDING, STOPPED
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.domain.errors import EndcapError, InvalidInput, NotFound, Unavailable

NAMES = {
    "coverage", "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_5", "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25", "precision_at_5", "precision_at_10",
    "precision_at_25",
}  # fmt: skip
# One user's purchases of one session, and without one those at most half an hour apart: chains.
BASKETS = """
    WITH bought AS (
      SELECT user_id, item_id, ts, session_id, ts - lag(ts) OVER w > 1800000000 AS late
      FROM events WHERE event_type = 'purchase'
      WINDOW w AS (PARTITION BY user_id, session_id ORDER BY ts)),
    held AS (
      SELECT DISTINCT user_id, session_id, item_id, CASE WHEN session_id IS NULL THEN
        sum(coalesce(late, false)::INT) OVER (PARTITION BY user_id, session_id ORDER BY ts)
        END AS part FROM bought)
"""


def quiet(stage: str, share: float) -> None:
    """Nobody watches."""


class Studio:
    """A shop, and the resources for which versions are trained on it."""

    def __init__(self, board: Any, path: Path) -> None:
        self.board, self.shop = board, board.shop
        self.registry = Registry(SqliteDocuments(path), Place(), secrets.token_hex)

    def ask(self, recipe: str, status: str = PENDING, **more: Any) -> str:
        arn = self.registry.arn("solution", f"mine/{secrets.token_hex(4)}")
        self.registry.create(
            Version(
                arn=arn,
                name="",
                status=status,
                solution_arn=self.registry.arn("solution", "mine"),
                group_arn=self.registry.arn("dataset-group", "shop"),
                recipe_arn=self.registry.arn("recipe", recipe),
                **more,
            )
        )
        return arn

    def train(self, arn: str) -> Version:
        train_version(self.shop, self.registry, arn, self.board.at, quiet, lambda: 36.0)
        return self.registry.find(Version, arn)

    def trained(self, recipe: str, **more: Any) -> Version:
        return self.train(self.ask(recipe, **more))

    def counts(self, query: str) -> list[tuple[Any, ...]]:
        return self.shop.lake.connect().execute(query).fetchall()


@pytest.fixture
def studio(board: Any, tmp_path: Path) -> Studio:
    return Studio(board, tmp_path / "control.sqlite")


def popular(studio: Studio, version: Version) -> list[tuple[str, int]]:
    opened = open_version(studio.shop, version.model, RECIPES["aws-popularity-count"].family)
    assert opened.counted is not None
    found = opened.counted.popular(500)
    names = studio.shop.now.state.items.ids(found.rows)
    return list(zip(names, found.scores.astype(int).tolist(), strict=True))


def related(studio: Studio, version: Version, recipe: str, item_id: str) -> list[tuple[str, int]]:
    opened = open_version(studio.shop, version.model, RECIPES[recipe].family)
    assert opened.counted is not None
    found = opened.counted.related(studio.shop.now.state.items.row(item_id), 500)
    names = studio.shop.now.state.items.ids(found.rows)
    return list(zip(names, found.scores.astype(int).tolist(), strict=True))


@pytest.mark.parametrize(
    ("recipe", "where"),
    [
        ("aws-popularity-count", "true"),
        ("aws-ecomm-popular-items-by-views", "event_type = 'view'"),
        ("aws-ecomm-popular-items-by-purchases", "event_type = 'purchase'"),
    ],
)
def test_popularity_is_what_is_counted_in_the_lake(studio: Studio, recipe: str, where: str) -> None:
    version = studio.trained(recipe)
    assert (version.status, version.failure_reason) == (ACTIVE, "")
    assert popular(studio, version) == studio.counts(
        f"SELECT item_id, count(*) AS n FROM events WHERE {where} GROUP BY 1 ORDER BY n DESC, 1"
    )


def test_also_viewed_is_how_many_viewed_both(studio: Studio) -> None:
    recipe = "aws-ecomm-customers-who-viewed-x-also-viewed"
    version = studio.trained(recipe)
    for item in ("black-0", "white-3"):
        counted = studio.counts(
            "WITH seen AS (SELECT DISTINCT user_id, item_id FROM events WHERE event_type = 'view'),"
            "all_of AS (SELECT item_id, count(*) AS n FROM events WHERE event_type = 'view' "
            "GROUP BY 1) SELECT b.item_id, count(*) AS n FROM seen a JOIN seen b USING (user_id) "
            f"JOIN all_of ON all_of.item_id = b.item_id WHERE a.item_id = '{item}' AND "
            "b.item_id <> a.item_id GROUP BY b.item_id, all_of.n "
            "ORDER BY 2 DESC, all_of.n DESC, 1"
        )
        assert len(counted) > 5
        assert related(studio, version, recipe, item) == counted


def test_bought_together_is_how_many_baskets_hold_both(studio: Studio) -> None:
    board, recipe = studio.board, "aws-ecomm-frequently-bought-together"
    for shopper, pause in (("s1", 0), ("s3", 29), ("s5", 31), ("s7", 600)):
        board.post((shopper, "white-0", "purchase"))
        board.at += pause * 60_000_000
        board.post((shopper, "white-1", "purchase"), (shopper, "white-2", "purchase"))
    version = studio.trained(recipe)
    counted = studio.counts(
        BASKETS + "SELECT b.item_id, count(*) FROM held a JOIN held b ON a.user_id = b.user_id AND "
        "a.session_id IS NOT DISTINCT FROM b.session_id AND a.part IS NOT DISTINCT FROM b.part "
        "WHERE a.item_id = 'white-0' AND b.item_id <> 'white-0' GROUP BY 1"
    )
    found = related(studio, version, recipe, "white-0")
    assert sorted(found) == sorted(counted)
    assert dict(found)["white-1"] == dict(found)["white-2"] == 2


def test_trending_items_are_those_that_rise(studio: Studio) -> None:
    board = studio.board
    board.at += 3 * 86_400_000_000
    for shopper in range(20):
        board.post((f"s{shopper}", "white-11", "view"))
    version = studio.trained("aws-trending-now")
    assert popular(studio, version)[0][0] == "white-11"


def test_a_personal_version_knows_the_tastes(make_board: Any, board: Any, tmp_path: Path) -> None:
    quick = make_board(board.home, ENDCAP_SOLUTION_SEARCH_S="0.5")
    studio = Studio(quick, tmp_path / "control.sqlite")
    version = studio.trained("aws-ecomm-recommended-for-you")
    assert (version.status, version.failure_reason) == (ACTIVE, "")
    assert version.metrics.keys() == NAMES
    assert version.metrics["precision_at_5"] > 0.05
    assert "popularity_weight" in version.tuned
    assert version.training_hours == pytest.approx(0.01)
    assert any("fewer than 1000" in said for said in version.warnings)
    opened = open_version(studio.shop, version.model, "personal")
    state, serving = opened.live.state, opened.live.serving
    assert serving.recipe is not None
    row = serving.model_row(state.items.row("black-0"))
    found = serving.recipe.related(row, 5).rows
    assert all(serving.recipe.item_ids[int(at)].startswith("black") for at in found)
    # It stands in the shop's own registry, and serves nothing there.
    assert solution_versions.version(studio.shop.documents, version.model).status == "active"
    assert campaign(studio.shop.documents).version == "v0001"


def test_what_is_alike_needs_no_events(studio: Studio) -> None:
    studio.board.put("black-99", department="black", name="black thing 99")
    version = studio.trained("aws-semantic-similarity")
    assert version.status == ACTIVE
    content = open_version(studio.shop, version.model, "semantic").live.serving.content
    assert content is not None
    place = list(content.item_ids).index("black-99")
    near = [content.item_ids[int(row)] for row in content.similar(place, 5).rows]
    assert all(item.startswith("black") for item in near)


def test_a_recommender_is_trained_like_a_version(studio: Studio) -> None:
    arn = studio.registry.arn("recommender", "best")
    studio.registry.create(
        Recommender(
            arn=arn, name="best", status=PENDING, group_arn="",
            recipe_arn=studio.registry.arn("recipe", "aws-ecomm-popular-items-by-purchases"),
        )
    )  # fmt: skip
    train_version(studio.shop, studio.registry, arn, studio.board.at, quiet)
    made = studio.registry.find(Recommender, arn)
    assert (made.status, made.model) == (ACTIVE, "v0002")
    assert made.metrics.keys() == NAMES


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"event_type": "Purchase"}, "event_type = 'purchase'"),
        ({"config": {"eventValueThreshold": "3"}}, "value >= 3"),
        (
            {"event_type": "VIEW", "config": {"eventValueThreshold": "2.5"}},
            "event_type = 'view' AND value >= 2.5",
        ),
        (
            {
                "config": {
                    "eventsConfig": {
                        "eventParametersList": [
                            {"eventType": "view", "eventValueThreshold": 4.0, "weight": 0.5},
                            {"eventType": "purchase"},
                        ]
                    }
                }
            },
            "(event_type = 'view' AND value >= 4) OR event_type = 'purchase'",
        ),
    ],
)
def test_a_solution_says_which_events_count(
    studio: Studio, asked: dict[str, Any], where: str
) -> None:
    from endcap.app.intake import write
    from endcap.domain.records import EventsPosted
    from endcap.domain.values import Event

    at = studio.board.at = studio.board.at + 1_000_000
    events = tuple(
        Event(f"s{n}", f"black-{n % 5}", ("view", "purchase")[n % 2], at, f"v{n}", float(n % 6))
        for n in range(30)
    )
    write(studio.shop, EventsPosted(at, b"", b"", events))
    version = studio.trained("aws-popularity-count", **asked)
    counted = studio.counts(
        f"SELECT item_id, count(*) AS n FROM events WHERE {where} GROUP BY 1 ORDER BY n DESC, 1"
    )
    assert counted
    assert popular(studio, version) == counted
    weighed = any("weights" in said for said in version.warnings)
    assert weighed == ("eventsConfig" in asked.get("config", {}))


@pytest.mark.parametrize(
    ("recipe", "asked", "words"),
    [
        ("aws-popularity-count", {"event_type": "Rent"}, "fewer than 25 users with at least 2"),
        ("aws-vod-most-popular", {}, "of the event type Watch"),
        ("aws-popularity-count", {"config": {"eventValueThreshold": "many"}}, "a number, not"),
        ("aws-next-best-action", {}, "there is no recipe"),
    ],
)
def test_a_training_without_anything_to_learn_fails_with_a_reason(
    studio: Studio, recipe: str, asked: dict[str, Any], words: str
) -> None:
    version = studio.trained(recipe, **asked)
    assert (version.status, version.model) == (FAILED, "")
    assert words in version.failure_reason


def test_columns_that_are_left_out_are_not_learnt_from(studio: Studio) -> None:
    config = {
        "trainingDataConfig": {
            "excludedDatasetColumns": {"ITEMS": ["NAME", "DEPARTMENT", "CREATION_TIMESTAMP"]}
        }
    }
    with_all = studio.trained("aws-semantic-similarity")
    without = studio.trained("aws-semantic-similarity", config=config)
    contents = [
        open_version(studio.shop, each.model, "semantic").live.serving.content
        for each in (with_all, without)
    ]
    assert contents[0] is not None
    assert contents[1] is None


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["artifacts.publish", "documents.put"])
def test_a_killed_training_begins_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    port, name = step.split(".")
    arn = studio.ask("aws-popularity-count")
    with monkeypatch.context() as patched:
        patched.setattr(getattr(studio.shop, port), name, killed)
        with pytest.raises(KeyboardInterrupt):
            studio.train(arn)
    assert studio.registry.find(Version, arn).status == IN_PROGRESS
    version = studio.train(arn)
    assert version.status == ACTIVE
    assert version.model in studio.shop.artifacts.names(MODELS)
    states = {v.name: v.status for v in solution_versions.versions(studio.shop.documents)}
    assert states[version.model] == "active"
    assert set(states.values()) <= {"active", "failed"}


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Do this when the training has just begun."""
    whole = version_training.lesson

    def learnt(*given: Any) -> Any:
        change()
        return whole(*given)

    monkeypatch.setattr(version_training, "lesson", learnt)


def test_what_was_stopped_stays_stopped(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = studio.ask("aws-popularity-count")
    meanwhile(monkeypatch, lambda: studio.registry.move(Version, arn, 1, STOPPED))
    version = studio.train(arn)
    assert (version.status, version.model) == (STOPPED, "")
    assert studio.shop.artifacts.names(MODELS) == ["v0001"]


def test_what_was_deleted_stays_away(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = studio.ask("aws-popularity-count")
    found = studio.registry.find(Version, arn)
    meanwhile(monkeypatch, lambda: studio.registry.remove(found))
    with pytest.raises(NotFound):
        studio.train(arn)
    assert studio.shop.artifacts.names(MODELS) == ["v0001"]


@pytest.mark.parametrize("error", [Unavailable("disk_full", field="lake"), RuntimeError("odd")])
def test_errors_of_the_machine_are_told(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr(version_training, "lesson", broken)
    arn = studio.ask("aws-popularity-count")
    with pytest.raises(type(error)):
        studio.train(arn)
    status = studio.registry.find(Version, arn).status
    assert status == (IN_PROGRESS if isinstance(error, EndcapError) else FAILED)


def test_models_of_resources_outlive_other_trainings(studio: Studio) -> None:
    version = studio.trained("aws-popularity-count")
    newer = [solution_versions.reserve(studio.shop.documents, 1) for _ in range(12)]
    for each in newer:
        staged = studio.shop.artifacts.staging(MODELS)
        (staged / "a").write_text("b")
        studio.shop.artifacts.publish(MODELS, each.name, staged)
    drop_old_versions(studio.shop)
    left = studio.shop.artifacts.names(MODELS)
    assert version.model in left
    assert newer[0].name not in left


def test_counts_cannot_serve_the_shop(studio: Studio) -> None:
    version = studio.trained("aws-popularity-count")
    with pytest.raises(InvalidInput) as caught:
        promote(studio.shop, version.model, studio.board.at)
    assert (caught.value.code, caught.value.value) == ("version_of_counts", version.model)
    assert campaign(studio.shop.documents).version == "v0001"


def test_versions_that_answered_are_held_and_follow_the_state(studio: Studio) -> None:
    version = studio.trained("aws-popularity-count")
    held = OpenVersions(most=1)
    opened = held.of(studio.shop, version.model, "popular")
    assert held.of(studio.shop, version.model, "popular") is opened
    studio.board.reopen()
    moved = held.of(studio.board.shop, version.model, "popular")
    assert moved is not opened
    assert moved.live.state is studio.board.shop.now.state
    assert moved.counted is not None
    assert opened.counted is not None
    assert moved.counted.tallies is opened.counted.tallies
    other = studio.trained("aws-sims")
    assert held.of(studio.board.shop, other.model, "related").counted is None
    again = held.of(studio.board.shop, version.model, "popular")
    assert again is not moved
