"""An import that is killed goes on where it was and ends in the same lake."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endcap.data import blocks
from endcap.data.importer import ImportOptions, Progress, import_files
from endcap.data.lake import Lake
from endcap.data.sources import Source

AT = 1_760_000_000_000_000
CHUNK_BYTES = 20_000
SCRIPT = f"""
import sys
from pathlib import Path
from endcap.data import blocks
from endcap.data.importer import ImportOptions, import_files
from endcap.data.lake import Lake
from endcap.data.sources import Source

blocks.BLOCK_BYTES = {CHUNK_BYTES}
sources = [Source("items", sys.argv[2]), Source("events", sys.argv[3])]
lake = Lake(Path(sys.argv[1]), 256, 1)
options = ImportOptions({AT})
report = import_files(lake, sources, {{}}, options, lambda p: print(p.phase, flush=True))
print("done", report.tables["events"].rows, flush=True)
"""


def make_files(folder: Path) -> tuple[Path, Path]:
    draw = random.Random(5)
    items, events = folder / "items.csv", folder / "events.csv"
    items.write_text("item_id,price\n" + "".join(f"I{i},{i / 4}\n" for i in range(300)))
    lines = ["user_id,item_id,event_type,ts"]
    for _ in range(20_000):
        ts = 1_600_000_000 + draw.randrange(10 * 86_400)
        user = "" if draw.random() < 0.01 else f"U{draw.randrange(900)}"
        lines.append(f"{user},I{draw.randrange(400)},view,{ts}")
    events.write_text("\n".join(lines + lines[1:500]) + "\n")
    return items, events


def content(lake: Lake) -> tuple[list, list]:
    with lake.connect() as connection:
        return (
            connection.execute("SELECT * FROM events ORDER BY ALL").fetchall(),
            connection.execute("SELECT * FROM items ORDER BY ALL").fetchall(),
        )


def rejected(lake: Lake) -> list[dict]:
    (path,) = (lake.root / "rejects").rglob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.server
def test_killed_at_any_time_it_ends_in_the_same_lake(tmp_path: Path) -> None:
    items, events = make_files(tmp_path)
    command = [sys.executable, "-c", SCRIPT]
    calm = subprocess.run(
        [*command, str(tmp_path / "calm"), str(items), str(events)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    phases, draw = len(calm.stdout.splitlines()), random.Random(11)
    kills = 0
    for _ in range(12):
        with subprocess.Popen(
            [*command, str(tmp_path / "rough"), str(items), str(events)],
            stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for _ in range(draw.randrange(1, phases // 4)):
                process.stdout.readline()
            time.sleep(draw.random() * 0.1)
            process.kill()
            kills += not process.stdout.read().endswith("done 20499\n")
    assert kills > 2
    finished = subprocess.run(
        [*command, str(tmp_path / "rough"), str(items), str(events)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert finished.stdout.splitlines()[-1] == "done 20499"
    lakes = [Lake(tmp_path / name, 256, 1) for name in ("calm", "rough")]
    assert content(lakes[0]) == content(lakes[1])
    assert rejected(lakes[0]) == rejected(lakes[1])
    assert not [*(tmp_path / "rough" / "staging").iterdir()]


class Stopped(Exception):
    """What the test throws into an import."""


def test_what_is_staged_is_not_read_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 200)
    path = tmp_path / "a.csv"
    rows = [f"U{i},I1,{1_600_000_000 + i}" for i in range(100)]
    path.write_text("\n".join(["user_id,item_id,ts", *rows]) + "\n")
    lake = Lake(tmp_path / "lake", 256, 1)
    seen: list[int] = []

    def watch(progress: Progress) -> None:
        seen.append(progress.rows)
        if len(seen) == 5:
            raise Stopped

    with pytest.raises(Stopped):
        import_files(lake, [Source("events", str(path))], {}, ImportOptions(AT), watch)
    assert lake.manifest().version == 0
    import_files(lake, [Source("events", str(path))], {}, ImportOptions(AT + 99), watch)
    assert seen[5] > seen[4] > seen[3]
    assert len(content(lake)[0]) == 100


def test_a_changed_file_is_imported_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,item_id,ts\nU1,I1,1600000000\n")
    lake = Lake(tmp_path / "lake", 256, 1)

    def stop(progress: Progress) -> None:
        if progress.phase == "merge":
            raise Stopped

    with pytest.raises(Stopped):
        import_files(lake, [Source("events", str(path))], {}, ImportOptions(AT), stop)
    path.write_text("user_id,item_id,ts\nU2,I2,1600000000\nU3,I3,1600000000\n")
    import_files(lake, [Source("events", str(path))], {}, ImportOptions(AT), lambda _: None)
    assert [user for user, *_ in content(lake)[0]] == ["U2", "U3"]
