"""``endcap benchmark`` prints one JSON object and names bad files in one sentence."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from endcap.cli.benchmark import command
from endcap.domain.errors import InvalidInput
from endcap.settings import load_settings

FIGURES = {"recall@20", "ndcg@20", "hr@20", "mrr@20", "fit_seconds", "peak_mb"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "home"))
    return tmp_path


def run(home: Path, *words: str) -> Result:
    settings = load_settings({}, home=str(home / "home"), threads=1)
    return CliRunner().invoke(command, list(words), obj=settings)


@pytest.mark.parametrize("verb", ["cf", "sessions"])
def test_figures_of_text_files_are_fractions(home: Path, verb: str) -> None:
    train, test = home / "train.txt", home / "test.txt"
    train.write_text("1 2 3\n2 3 4\n")
    test.write_text("1 4\n" if verb == "cf" else "1 2\t3\n")
    result = run(home, verb, "--train", str(train), "--test", str(test), "--json")
    found = json.loads(result.stdout)
    assert set(found) >= FIGURES
    assert 0 <= found["ndcg@20"] <= 1
    assert found["peak_mb"] > 10


def test_events_of_any_file_are_split_in_time(home: Path) -> None:
    days = "".join(
        f"u{u},i{(u + d) % 5},2024-01-{d + 1:02d}T00:00:00Z\n" for u in range(6) for d in range(9)
    )
    path = home / "orders.csv"
    path.write_text("shopper,thing,when\n" + days)
    pairs = [
        word for pair in ("user_id=shopper", "item_id=thing", "ts=when") for word in ("--map", pair)
    ]
    result = run(
        home, "events", "--interactions", str(path), "--split-at", "2024-01-08T00:00:00Z",
        *pairs, "--event-type", "purchase", "--k", "3", "--json",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert set(found) >= FIGURES | {"recall@3"}
    assert found["seen_policy"] == "none"
    assert found["recall@20"] == 1.0


def test_a_catalogue_beside_the_events_is_learnt_from(home: Path) -> None:
    rows = "".join(
        f"u{u},i{(u + d) % 5 + 5 * (u % 2)},view,2024-01-{d + 1:02d}T00:00:00Z\n"
        for u in range(60)
        for d in range(9)
    )
    events, items = home / "events.csv", home / "items.csv"
    events.write_text("user_id,item_id,event_type,ts\n" + rows)
    items.write_text("item_id,kind\n" + "".join(f"i{i},k{i // 5}\n" for i in range(10)))
    words = ["events", "--interactions", str(events), "--split-at", "2024-01-08T00:00:00Z"]
    result = run(home, *words, "--items", str(items), "--keep", "event_type = 'view'", "--json")
    assert 0 < json.loads(result.stdout)["recall@20"] <= 1


def test_withheld_products_are_ranked_by_what_they_are(home: Path) -> None:
    rows = "".join(
        f"u{u},i{(u // 3 + d * d) % 30 + 30 * (u % 3)},view,2024-01-{d + 1:02d}T00:00:00Z\n"
        for u in range(240)
        for d in range(12)
    )
    events, items = home / "events.csv", home / "items.csv"
    events.write_text("user_id,item_id,event_type,ts\n" + rows)
    items.write_text(
        "item_id,kind,maker\n" + "".join(f"i{i},k{i // 30},m{i % 9}\n" for i in range(90))
    )
    words = ("coldstart", "--interactions", str(events), "--split-at", "2024-01-10T00:00:00Z")
    found = json.loads(run(home, *words, "--items", str(items), "--json").stdout)
    assert found["withheld"] == 9
    assert found["plain_recall@5"] > found["random_recall@5"]
    assert found["random_recall@20"] == found["plain_recall@20"] == 1.0


def test_withheld_shoppers_are_answered_by_what_is_known_of_them(home: Path) -> None:
    rows = "".join(
        f"u{u},i{(u * 7 + d * d) % 10 + 10 * (u % 2)},view,2024-01-{1 + (u + d) % 20:02d}\n"
        for u in range(600)
        for d in range(4)
    )
    events, items, users = (home / f"{name}.csv" for name in ("events", "items", "users"))
    events.write_text("user_id,item_id,event_type,ts\n" + rows)
    items.write_text("item_id,kind\n" + "".join(f"i{i},k{i // 10}\n" for i in range(20)))
    users.write_text("user_id,side\n" + "".join(f"u{u},side {u % 2}\n" for u in range(600)))
    words = ("coldstart", "--interactions", str(events), "--split-at", "2024-01-15T00:00:00Z")
    result = run(home, *words, "--items", str(items), "--users", str(users), "--json")
    found = json.loads(result.stdout)["newcomers"]
    assert (found["status"], found["recall@20"]) == ("kept", 1.0)
    assert found["low"] > 0
    assert found["fields"]["side"]["weight"] > 1
    told = run(home, *words, "--items", str(items), "--users", str(users)).stdout
    assert "popularity_ndcg@20" in told


def test_the_table_has_the_recipe_and_every_baseline(home: Path) -> None:
    train, test = home / "train.txt", home / "test.txt"
    train.write_text("1 2 3\n2 3 4\n3 2 4\n")
    test.write_text("1 4\n2 2\n")
    words = ("cf", "--train", str(train), "--test", str(test))
    told = run(home, *words).stdout
    rows = [line.split()[0] for line in told.split("recommender")[1].splitlines() if line.strip()]
    assert set(rows) >= {"endcap", "popularity", "random", "item-knn", "ease", "als"}
    quick = run(home, *words, "--baselines", "plain").stdout
    assert "ease" not in quick.split("recommender")[1]


def test_a_missing_file_is_one_error(home: Path) -> None:
    result = run(home, "cf", "--train", str(home / "none"), "--test", str(home / "none"))
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.code == "benchmark_unreadable"
