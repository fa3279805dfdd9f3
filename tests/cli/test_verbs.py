"""The verbs that ask and administer a shop, on a shop that has no model yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from endcap.app.batch import stored
from endcap.app.intake import write
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop
from endcap.cli.main import main
from endcap.control import campaigns, solution_versions
from endcap.domain.records import EventsPosted, ItemsPut
from endcap.domain.values import Event, Item
from endcap.settings import load_settings

AT = 1_700_000_000_000_000
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def shop(home: Path) -> Shop:
    """A toy shop: bananas were bought twice, milk once, tea never."""
    opened = open_shop(load_settings({}, home=home))
    names = {"bananas": "Organic Bananas", "milk": "Whole Milk", "tea": "Green Tea"}
    items = tuple(Item(item_id, {"name": name}) for item_id, name in names.items())
    bought = [("ann", "bananas"), ("bob", "bananas"), ("ann", "milk")]
    events = tuple(
        Event(user, item, "purchase", AT + n, f"e{n}") for n, (user, item) in enumerate(bought)
    )
    write(opened, ItemsPut(at=AT, items=items))
    write(opened, EventsPosted(at=AT, events=events))
    return opened


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], home: Path) -> Run:
    """``run(*words)`` → (exit code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home), *words])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def _cache_of_kernels_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs name a cache for kernels in the environment: it ends with the test."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "unused")


def test_a_stranger_gets_what_is_popular(run: Run, shop: Shop) -> None:
    code, out, err = run("recommend", "stranger", "--k", "2", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert answer["userId"] == "stranger"
    assert [item["id"] for item in answer["items"]] == ["bananas", "milk"]
    assert answer["modelVersion"] == ""


def test_answers_are_a_table_with_names(run: Run, shop: Shop) -> None:
    code, out, err = run("recommend", "stranger")
    assert code == 0
    assert "Organic Bananas" in out.splitlines()[2]
    assert "no model yet" in err


def test_what_goes_with_an_unknown_item_is_no_failure(run: Run, shop: Shop) -> None:
    code, out, _ = run("related", "nothing-like-it", "--json")
    assert code == 0
    assert json.loads(out)["itemId"] == "nothing-like-it"


def test_an_empty_home_has_an_empty_answer(run: Run) -> None:
    assert json.loads(run("recommend", "ann", "--json")[1])["items"] == []
    assert run("versions")[1] == "no model version yet: endcap train\n"
    assert json.loads(run("versions", "--json")[1]) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["recommend", ""], "userId must not be empty"),
        (["related", ""], "itemId must not be empty"),
        (["rollback"], "campaign 'default' has served no earlier version"),
        (["rollback", "v0009"], "'v0009' is not a model version; known: none yet"),
        (["--group", "../x", "versions"], "a dataset group is named by up to 63 letters, digits, "
         "- and _, not '../x'"),
        (["batch", "/nowhere/out.jsonl"], "cannot write /nowhere/out.jsonl: No such file or "
         "directory"),
        (["batch", "-", "--users", "/nowhere/ids"], "cannot read /nowhere/ids: No such file or "
         "directory"),
        (["recommend", "ann", "--k", "0"], "invalid value for '--k': 0 is not in the range "
         "1<=x<=100 (see 'endcap recommend --help')"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(words: list[str], sentence: str, run: Run) -> None:
    assert run(*words) == (2, "", f"error: {sentence}\n")


def test_batch_writes_and_stores_every_user(run: Run, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    code, out, err = run("batch", str(file), "--k", "2")
    assert (code, out, err) == (0, "", f"2 users in {file}\n")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["userId"] for row in rows] == ["ann", "bob"]
    for row in rows:
        body = stored(shop, row["userId"])
        assert body is not None
        assert body["recommendations"] == [item["id"] for item in row["items"]]


def test_batch_of_listed_users_to_stdout(run: Run, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("bob\n\n  stranger \n")
    code, out, err = run("batch", "-", "--users", str(tmp_path / "ids"), "--no-store")
    assert (code, err) == (0, "2 users\n")
    assert [json.loads(line)["userId"] for line in out.splitlines()] == ["bob", "stranger"]
    assert stored(shop, "bob") is None


def test_batch_as_parquet_holds_the_same(run: Run, shop: Shop, tmp_path: Path) -> None:
    run("batch", str(tmp_path / "out.jsonl"))
    run("batch", str(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert table["userId"].to_pylist() == [row["userId"] for row in rows]
    ids = [[item["id"] for item in items] for items in table["items"].to_pylist()]
    assert ids == [[item["id"] for item in row["items"]] for row in rows]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "out.jsonl", "out.parquet"]


def test_versions_mark_the_one_that_serves(run: Run, shop: Shop) -> None:
    for _ in range(2):
        version = solution_versions.reserve(shop.documents, AT)
        campaigns.promote(shop.documents, version.name, AT)
    found = json.loads(run("versions", "--json")[1])
    assert [(v["name"], v["serves"]) for v in found] == [("v0001", False), ("v0002", True)]
    last = run("versions")[1].splitlines()[-1]
    assert last.split() == ["v0002", "serves", "training", "2023-11-14", "22:13"]


def test_rollback_refuses_a_version_without_files(run: Run, shop: Shop) -> None:
    for _ in range(2):
        version = solution_versions.reserve(shop.documents, AT)
        campaigns.promote(shop.documents, version.name, AT)
    code, out, err = run("rollback")
    assert (code, out) == (2, "")
    assert "v0001" in err
    assert campaigns.campaign(shop.documents).version == "v0002"


def test_doctor_finds_nothing_on_a_sound_shop(run: Run, shop: Shop) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert all(line.startswith("✓ ") for line in out.splitlines())
    names = [line.split()[1].rstrip(":") for line in out.splitlines()]
    assert names == [
        "home",
        "disk",
        "log",
        "dead",
        "documents",
        "models",
        "snapshots",
        "campaign",
        "lake",
        "model",
        "keys",
        "server",
    ]
    assert "✓ server: no server runs on this home" in out
    assert "✓ log: 2 records" in out


def test_doctor_on_an_empty_home_makes_nothing(run: Run, home: Path) -> None:
    code, out, _ = run("doctor")
    assert code == 0
    assert "does not exist yet" in out
    assert not home.exists()


def damage_log(root: Path) -> None:
    (segment,) = (path for path in (root / "log").iterdir() if path.stat().st_size > 200)
    raw = bytearray(segment.read_bytes())
    raw[60] ^= 0xFF
    segment.write_bytes(raw)


def damage_documents(root: Path) -> None:
    for path in root.glob("documents.sqlite*"):
        path.unlink()
    (root / "documents.sqlite").write_bytes(b"not a database" * 100)


def damage_lake(root: Path) -> None:
    (root / "lake" / "manifest").mkdir(parents=True, exist_ok=True)
    (root / "lake" / "manifest" / f"{9:020d}.json").write_text("{")


def lose_model(root: Path) -> None:
    opened = open_shop(load_settings({}, home=root.parents[1]))
    campaigns.promote(opened.documents, "v0001", AT)


@pytest.mark.parametrize(
    ("damage", "name"),
    [(damage_log, "log"), (damage_documents, "documents"), (damage_lake, "lake"),
     (lose_model, "campaign")],
)  # fmt: skip
def test_doctor_names_what_is_damaged(
    damage: Callable[[Path], None], name: str, run: Run, shop: Shop, home: Path
) -> None:
    damage(home / "groups" / "default")
    code, out, err = run("doctor", "--json")
    wrong = {check["name"]: check for check in json.loads(out) if not check["ok"]}
    assert code == 1
    assert name in wrong
    assert wrong[name]["advice"]
    assert "found something" in err


def test_doctor_sees_a_home_that_everybody_may_write(run: Run, shop: Shop, home: Path) -> None:
    home.chmod(0o777)
    code, out, _ = run("doctor")
    assert code == 1
    assert f"  → chmod o-w {home}" in out.splitlines()
