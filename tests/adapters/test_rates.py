"""The shared table of rates: exact alone and between processes, bounded, never stuck."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.adapters.rates import PLACES, ROWS, RateTable

S = 1_000_000_000
NOW = 1_755_369_000 * S
PROGRAM = """
import sys
from pathlib import Path
from endcap.adapters.rates import RateTable
take = RateTable(Path(sys.argv[1]))
taken = 0
take(1, 1, 1, 1)
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[2])):
    taken += take(7, 10**9, 8000, int(sys.argv[3])) == 0
print(taken)
"""


def taken(take: RateTable, count: int, at: int, owner: int = 7, rate: int = 10) -> int:
    """How many of ``count`` requests go through, with a burst of 5."""
    return sum(take(owner, S // rate, 5, at) == 0 for _ in range(count))


def test_the_burst_at_once_then_the_rate(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    assert taken(take, 20, NOW) == 5
    assert taken(take, 20, NOW + S) == 5  # 10 more were due; the bucket holds 5
    assert taken(take, 20, NOW + S + S // 10) == 1
    assert sum(taken(take, 1, NOW + 2 * S + n * S // 20) for n in range(40)) == 5 - 1 + 20


def test_the_wait_is_exact(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    taken(take, 5, NOW)
    wait = take(7, S // 10, 5, NOW)
    assert wait == S // 10
    assert take(7, S // 10, 5, NOW + wait - 1) == 1
    assert take(7, S // 10, 5, NOW + wait) == 0


def test_askers_do_not_share(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    same_row = [7 + ROWS * n for n in range(PLACES)]
    assert [taken(take, 9, NOW, owner) for owner in same_row] == [5] * PLACES
    assert [taken(take, 9, NOW, owner) for owner in same_row] == [0] * PLACES


def test_a_full_row_forgets_whose_bucket_is_full_for_longest(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    for n in range(PLACES):
        taken(take, 5, NOW + n * S, 7 + ROWS * n)
    later = NOW + PLACES * S
    assert taken(take, 1, later, 7 + ROWS * PLACES) == 1  # takes the place of the first
    assert taken(take, 9, NOW + (PLACES - 1) * S, 7 + ROWS * (PLACES - 1)) == 0
    assert (tmp_path / "rates").stat().st_size == ROWS * PLACES * 16


def test_a_clock_set_back_locks_nobody_out(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    taken(take, 5, NOW + 3600 * S)
    assert taken(take, 9, NOW) == 5


@settings(max_examples=40)
@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 8))
def test_never_more_than_burst_and_rate_in_any_window(gaps: list[int], burst: int) -> None:
    """Times in ms, a request permitted each 100 ms."""
    with TemporaryDirectory() as folder:
        take = RateTable(Path(folder) / "rates")
        at, through = 0, []
        for gap in gaps:
            at += gap
            if take(9, 100, burst, NOW + at) == 0:
                through.append(at)
    for i, first in enumerate(through):
        for j in range(i, len(through)):
            assert j - i + 1 <= burst + (through[j] - first) / 100


def test_several_processes_share_one_exact_count(tmp_path: Path) -> None:
    path = tmp_path / "rates"
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), "6000", str(NOW)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in asking) == 8000


def test_a_process_stopped_with_the_lock_holds_up_nobody(tmp_path: Path) -> None:
    take = RateTable(tmp_path / "rates")
    assert taken(take, 2, NOW) == 2
    with (tmp_path / "rates").open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert taken(take, 9, NOW) == 3
