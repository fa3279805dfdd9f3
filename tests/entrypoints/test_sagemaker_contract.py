"""The folder contract of the training container: what it reads, and how it says no."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from endcap.domain.errors import Damaged, EndcapError, InvalidInput
from endcap.entrypoints.sagemaker import train
from endcap.entrypoints.sagemaker.container import Container, digest_of, sources_of
from endcap.entrypoints.sagemaker.hyperparameters import HYPERPARAMETERS, Chosen, read
from endcap.settings import SETTINGS

DOCS = Path(__file__).parents[2] / "docs" / "sagemaker.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("input/config", "input/data", "model", "output"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def config(root: Path, name: str, value: Any) -> None:
    raw = value if isinstance(value, str) else json.dumps(value)
    (root / "input" / "config" / f"{name}.json").write_text(raw)


def channel(root: Path, name: str, **files: str) -> None:
    folder = root / "input" / "data" / name
    folder.mkdir()
    for stem, text in files.items():
        (folder / f"{stem}.csv").write_text(text)


def test_defaults() -> None:
    chosen = read({})
    assert chosen == Chosen(**{name: known.default for name, known in HYPERPARAMETERS.items()})


def test_values_come_as_texts_also_as_the_sdk_writes_them() -> None:
    chosen = read({
        "seed": "7", "budget_s": "12.5", "ranker": "False", "event_type": '"purchase"',
        "map": "user_id=CustomerID, item_id=StockCode", "rename_types": "buy=purchase",
        "sagemaker_program": '"train.py"', "_tuning_objective_metric": "ndcg@20", "threads": "0",
    })  # fmt: skip
    assert (chosen.seed, chosen.budget_s, chosen.ranker) == (7, 12.5, False)
    assert chosen.mapping == {"user_id": "CustomerID", "item_id": "StockCode"}
    options = chosen.options(5)
    assert (options.at, options.event_type, options.event_types) == (
        5, "purchase", {"buy": "purchase"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"sed": "1"}, "unknown_hyperparameter", "sed"),
        ({"seed": "one"}, "bad_hyperparameter", "seed"),
        ({"seed": "-1"}, "bad_hyperparameter", "seed"),
        ({"seed": "1.5"}, "bad_hyperparameter", "seed"),
        ({"budget_s": "nan"}, "bad_hyperparameter", "budget_s"),
        ({"ranker": "yes"}, "bad_hyperparameter", "ranker"),
        ({"memory_mb": ""}, "bad_hyperparameter", "memory_mb"),
        ({"version": "v0001"}, "hyperparameter_missing", "lake_version"),
        ({"lake_version": "3"}, "hyperparameter_missing", "version"),
    ],
)
def test_a_bad_hyperparameter_is_named(given: dict[str, str], code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read(given)
    assert (told.value.code, told.value.field) == (code, field)


def test_the_table_of_the_documentation_is_this_one() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", DOCS.read_text("utf-8"), re.M)
    expected = [
        (name, f"`{str(known.default).lower()}`" if known.default != "" else "",
         known.permitted, known.about)
        for name, known in HYPERPARAMETERS.items()
    ]  # fmt: skip
    assert [row for row in rows if row[0] in HYPERPARAMETERS] == expected


def test_what_the_nightly_machine_hands_over_is_understood() -> None:
    machine = json.loads((DOCS.parents[1] / "infra/state-machines/nightly.asl.json").read_text())
    asked = machine["States"]["train"]["Parameters"]
    names = {name.removesuffix(".$") for name in asked["HyperParameters"]}
    told = {"version": "v0007", "lake_version": "12", "budget_s": "300.0"}
    assert names == set(told)
    chosen = read(told)
    assert (chosen.version, chosen.lake_version, chosen.budget_s) == ("v0007", 12, 300.0)
    settings = {f"ENDCAP_{name.upper()}" for name in SETTINGS}
    assert set(asked["Environment"]) <= settings


def test_channels_are_folders_of_tables(root: Path) -> None:
    channel(root, "interactions", a="x")
    channel(root, "training", items="x", users="x", interactions="x", notes="x")
    config(root, "inputdataconfig", {"interactions": {"TrainingInputMode": "File"}, "training": {}})
    found = sources_of(Container(root).channels())
    told = [(source.table, Path(source.path).name) for source in found]
    assert told == [
        ("events", "interactions"), ("users", "users.csv"), ("items", "items.csv"),
        ("events", "interactions.csv"),
    ]  # fmt: skip


BAD_JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "no channel": ({}, "no_channel"),
    "no such channel": ({"inputdataconfig": {"clicks": {}}}, "unknown_channel"),
    "a pipe": ({"inputdataconfig": {"events": {"TrainingInputMode": "Pipe"}}}, "bad_channel_mode"),
    "not there": ({"inputdataconfig": {"events": {}}}, "no_channel"),
    "no JSON": ({"inputdataconfig": "{"}, "bad_config"),
    "no object": ({"hyperparameters": "[]"}, "bad_config"),
    "two hosts": ({"resourceconfig": {"hosts": ["algo-1", "algo-2"]}}, "one_instance_only"),
    "a bad hyper-parameter": ({"hyperparameters": {"seed": "x"}}, "bad_hyperparameter"),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_a_job_that_cannot_begin_says_why_where_sagemaker_looks(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configs, code = BAD_JOBS[name]
    for file, value in configs.items():
        config(root, file, value)
    assert train.main(["--root", str(root)]) == train.BAD_INPUT
    reason = (root / "output" / "failure").read_text()
    assert reason.startswith(f"{code}: ")
    assert reason in capsys.readouterr().err
    assert list((root / "model").iterdir()) == []


def test_items_alone_are_nothing_to_learn_from(root: Path) -> None:
    channel(root, "items", a="item_id\n1\n")
    assert train.main(["--root", str(root)]) == train.BAD_INPUT
    assert "interactions" in (root / "output" / "failure").read_text()


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("rejected_row", file="f", line=3, field="user", reason="r", value="maria"),
        InvalidInput("unmapped_column", file="maria.csv", field="f", columns="maria", command="c"),
        Damaged("artifact_damaged", field="maria", reason="maria"),
    ],
)
def test_what_may_come_from_the_data_is_left_out(error: EndcapError) -> None:
    assert "maria" in str(error)
    assert "maria" not in train.told(error)
    assert train.told(error).startswith(error.code)


def test_an_unforeseen_failure_names_kind_and_place_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("maria bought a hammer")

    monkeypatch.setattr(train, "train", broken)
    assert train.main(["--root", str(root)]) == train.FAILED
    reason = (root / "output" / "failure").read_text()
    assert "RuntimeError" in reason
    assert "maria" not in reason


def test_a_long_reason_is_cut(root: Path) -> None:
    Container(root).fail("x" * 5000)
    assert len((root / "output" / "failure").read_text()) == 1024


def test_a_digest_knows_names_and_contents(root: Path) -> None:
    channel(root, "events", a="1", b="2")
    folder = root / "input" / "data" / "events"
    first = digest_of(folder)
    assert (first["files"], first["bytes"]) == (2, 2)
    assert digest_of(folder) == first
    (folder / "b.csv").write_text("3")
    second = digest_of(folder)
    (folder / "b.csv").rename(folder / "c.csv")
    assert len({first["sha256"], second["sha256"], digest_of(folder)["sha256"]}) == 3


def test_lines_can_be_parsed_by_cloudwatch(capsys: pytest.CaptureFixture[str]) -> None:
    teller = train.Teller()
    teller.progress("reading the lake", 0.25)
    teller.progress("reading the lake", 0.26)  # soon after: not told
    teller.metric("ndcg@20", 0.123456789)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    definitions = json.loads(re.findall(r"```json\n(\[.*?\])\n```", DOCS.read_text(), re.S)[0])
    found = {
        one["Name"]: match[1]
        for one in definitions
        for line in lines
        if (match := re.search(one["Regex"], line))
    }
    assert found == {"progress": "0.250", "ndcg@20": "0.123457"}


def test_a_swallowed_interruption_ends_the_job_at_the_next_step() -> None:
    teller = train.Teller()
    teller.ended = True
    with pytest.raises(train.Interrupted):
        teller.progress("anything", 0.5)
