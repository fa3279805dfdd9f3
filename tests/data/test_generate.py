"""The files of a synthetic shop: complete, the same every time, never written over by accident."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from endcap.data.synthetic.generate import Summary, generate
from endcap.data.synthetic.plan import Plan
from endcap.data.synthetic.tables import INTERACTIONS, ITEMS, USERS
from endcap.domain.errors import Conflict, InvalidInput

SMALL = Plan(users=60, items=150, events=2_000, days=20, seed=2)
NAMES = ("users", "items", "interactions")


def read(folder: Path, name: str, file_format: str) -> pa.Table:
    path = folder / f"{name}.{file_format}"
    schema = {"users": USERS, "items": ITEMS, "interactions": INTERACTIONS}[name]
    if file_format == "parquet":
        return pa.parquet.read_table(path)
    if file_format == "csv":
        options = pa.csv.ConvertOptions(column_types=schema)
        return pa.csv.read_csv(path, convert_options=options)
    options = pa.json.ParseOptions(explicit_schema=schema)
    return pa.json.read_json(path, parse_options=options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    folder = tmp_path_factory.mktemp("shop")
    return folder, generate(SMALL, folder)


def test_the_summary_says_what_the_files_hold(written: tuple[Path, Summary]) -> None:
    folder, summary = written
    assert sorted(summary.files) == sorted(path.name for path in folder.iterdir())
    tables = {name: read(folder, name, "parquet") for name in NAMES}
    assert len(tables["users"]) == summary.users == 60
    assert len(tables["items"]) == summary.items == 150
    assert len(tables["interactions"]) == summary.interactions
    counts = pc.value_counts(tables["interactions"]["EVENT_TYPE"]).to_pylist()
    assert {one["values"]: one["counts"] for one in counts} == summary.events


def test_ids_of_the_events_are_in_the_other_files(written: tuple[Path, Summary]) -> None:
    events, users, items = (read(written[0], n, "parquet") for n in ("interactions", *NAMES[:2]))
    assert set(events["USER_ID"].to_pylist()) <= set(users["USER_ID"].to_pylist())
    assert set(events["ITEM_ID"].to_pylist()) <= set(items["ITEM_ID"].to_pylist())
    assert events["TIMESTAMP"].to_numpy().min() >= SMALL.start_s
    assert events["TIMESTAMP"].to_numpy().max() < SMALL.end_s


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_every_format_holds_the_same_rows(
    file_format: str, written: tuple[Path, Summary], tmp_path: Path
) -> None:
    generate(SMALL, tmp_path, file_format=file_format)
    for name in NAMES:
        other = read(tmp_path, name, file_format)
        assert other.to_pylist() == read(written[0], name, "parquet").to_pylist()


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_the_bytes_do_not_depend_on_the_chunks(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endcap.data.synthetic.writers.ROW_GROUP", 700)
    for chunk in (1, 7, 1_000):
        generate(SMALL, tmp_path / str(chunk), file_format=file_format, chunk_users=chunk)
    whole = contents(tmp_path / "1000")
    assert contents(tmp_path / "1") == whole
    assert contents(tmp_path / "7") == whole


def test_truth_states_the_split_and_the_best_recall(written: tuple[Path, Summary]) -> None:
    truth = json.loads((written[0] / "truth.json").read_bytes())
    assert truth["split_at"] == "2025-01-19T00:00:00Z"
    assert truth["plan"]["seed"] == 2
    for k in (5, 10, 20):
        best, popular = (truth[name][f"recall@{k}"] for name in ("best", "popularity"))
        assert popular["value"] < best["value"] <= 1
        assert 0 < best["standard_error"] < 0.02


def test_the_realised_recall_is_that_of_the_files(written: tuple[Path, Summary]) -> None:
    """Popularity, counted from the files alone."""
    folder, summary = written
    events = read(folder, "interactions", "parquet").to_pylist()
    earlier = dict.fromkeys(read(folder, "items", "parquet")["ITEM_ID"].to_pylist(), 0)
    later: dict[str, set[str]] = {}
    for event in events:
        if event["TIMESTAMP"] < summary.truth.split_s:
            earlier[event["ITEM_ID"]] += 1
        else:
            later.setdefault(event["USER_ID"], set()).add(event["ITEM_ID"])
    top = set(sorted(earlier, key=lambda item: (-earlier[item], item))[:20])
    recall = sum(len(top & items) / len(items) for items in later.values()) / len(later)
    assert summary.truth.popularity["recall@20"].realised == pytest.approx(recall)


def test_present_files_stay_unless_force_is_given(tmp_path: Path) -> None:
    generate(SMALL, tmp_path, file_format="csv")
    before = contents(tmp_path)
    with pytest.raises(Conflict) as caught:
        generate(SMALL, tmp_path)
    assert caught.value.code == "files_exist"
    assert caught.value.value == str(tmp_path)
    assert contents(tmp_path) == before
    generate(SMALL, tmp_path, force=True)
    assert not (tmp_path / "interactions.csv").exists()
    assert (tmp_path / "interactions.parquet").exists()


def test_a_failure_in_the_middle_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(SMALL, tmp_path)
    before = contents(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("endcap.data.synthetic.generate.event_table", full)
    with pytest.raises(InvalidInput) as caught:
        generate(SMALL, tmp_path, force=True)
    assert caught.value.code == "folder_not_writable"
    assert "No space left" in str(caught.value)
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_is_an_error_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInput) as caught:
            generate(SMALL, folder)
        assert caught.value.code == "folder_not_writable"
        assert caught.value.value == str(folder)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("users", 0, "count_out_of_range"),
        ("users", -5, "count_out_of_range"),
        ("items", 99, "count_out_of_range"),
        ("events", 0, "count_out_of_range"),
        ("days", 1, "count_out_of_range"),
        ("seed", -1, "count_out_of_range"),
        ("events", 5_000_000, "too_many_events"),
        ("start_s", -86_400, "start_out_of_range"),
        ("start_s", 5, "start_out_of_range"),
        ("start_s", 253_402_300_800 - 86_400, "start_out_of_range"),
    ],
)
def test_a_plan_out_of_range_writes_nothing(
    field: str, value: int, code: str, tmp_path: Path
) -> None:
    plan = Plan(**{"users": 60, "items": 150, "days": 20, "events": 500, field: value})
    with pytest.raises(InvalidInput) as caught:
        generate(plan, tmp_path / "new")
    assert caught.value.code == code
    assert caught.value.field == ("start" if field == "start_s" else field)
    assert caught.value.value == value
    assert not (tmp_path / "new").exists()


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        generate(SMALL, tmp_path, file_format="xlsx")
    assert (caught.value.code, caught.value.field) == ("bad_choice", "format")


@pytest.mark.server
def test_memory_stays_bounded_at_200_000_shoppers(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from endcap.data.synthetic.generate import generate\n"
        "from endcap.data.synthetic.plan import Plan\n"
        "generate(Plan(users=200_000, items=10_000, events=2_000_000), Path(sys.argv[1]))\n"
        # Of this program alone: getrusage would tell the peak of the tests that started it.
        "peak = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
        "print(int(peak) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 700
