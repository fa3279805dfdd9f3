"""Endcap's quality beside implicit, EASE, cornac and popularity: same data, same questions.

    python bench/quality.py --data FOLDER [--tasks ml1m_bars_m1,generated] [--rows endcap,als]

Each row runs in a process of its own, one thread, one after another: it chooses its settings on
the same held-out tail of the training data, fits on all of it, and answers the test part once.
The lists of all rows are judged by the same code. ``fit`` holds the choosing. Peers live in a
virtual environment made from ``quality-requirements.txt`` and thrown away (``--peers PYTHON``: one
that is there already); where that cannot be had, one sentence says so. Results stand in ``--out``
as soon as a row is done; a row that is there is not run again, unless it was ended from outside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import peers
import quality_data

from endcap.evaluation import metrics
from endcap.evaluation.truth import judge, truth_of_lists

ROWS = (
    "endcap", "popularity", "item-knn-cosine", "item-knn-bm25", "als", "ease", "bpr-cornac",
    "spop-cornac",
)  # fmt: skip
METRICS = {
    "recall": metrics.recall, "ndcg": metrics.ndcg, "hr": metrics.hit_rate, "mrr": metrics.mrr,
}  # fmt: skip
COLUMNS = (*METRICS, "fit_s", "fit_cpu_s", "peak_mb", "answer_us")
HERE = Path(__file__).parent
ENDED = "ended"  # begins what is said of a row that can be tried again


def row(python: Path, name: str, task: Path, scratch: Path, limit_s: float) -> dict:
    """One row's figures, its lists judged."""
    target = scratch / "lists.npy"
    words = [python, "-W", "ignore", HERE / "quality_row.py", name, task, target]
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            list(map(str, words)), env={**os.environ, **one}, capture_output=True,
            timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"refused": f"{ENDED} after {limit_s:.0f} s"}
    if done.returncode or not done.stdout.strip():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return {"refused": f"{ENDED} with {done.returncode}: {' '.join(said[-1:])[:200]}"}
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["load"] = round(os.getloadavg()[0], 1)
    if "refused" not in figures:
        figures |= judged(np.load(target), task)
    return figures


def judged(lists: np.ndarray, task: Path) -> dict[str, float]:
    with np.load(task) as arrays:
        starts, targets = arrays["test_target_starts"], arrays["test_targets"]
    truth = truth_of_lists(
        [targets[starts[q] : starts[q + 1]].tolist() for q in range(len(starts) - 1)]
    )
    answer = judge(lists.astype(np.int32), truth)
    return {name: float(np.nanmean(metric(answer))) for name, metric in METRICS.items()}


def table(name: str, rows: dict[str, dict]) -> str:
    """In Markdown."""
    lines = [f"\n{name}\n", "| | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for row_name, figures in rows.items():
        if "refused" in figures:
            lines.append(f"| {row_name} | left out: {figures['refused']} |" + " |" * 7)
            continue
        cells = [f"{figures[c]:.4f}" if c in METRICS else f"{figures[c]:,.0f}" for c in COLUMNS]
        lines.append(f"| {row_name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def prepared(name: str, data: Path, scratch: Path) -> Path | None:
    """The task's file; None, and a sentence, where its data are not there."""
    make, path = quality_data.TASKS[name], scratch / f"{name}.npz"
    if make is None:
        quality_data.write(path, *quality_data.generated())
    elif (data / name).is_dir():
        quality_data.write(path, *make(data / name))
    else:
        print(f"{name} is left out: there is no folder {data / name}.")
        return None
    return path


def missing(found: dict[str, dict], who: str) -> bool:
    """Whether a row is still to be run."""
    return who not in found or found[who].get("refused", "").startswith(ENDED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of public data")
    parser.add_argument("--tasks", default=",".join(quality_data.TASKS))
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--out", type=Path, default=Path("quality.json"))
    parser.add_argument("--peers", type=Path, help="a Python that has the peers")
    parser.add_argument("--limit", type=float, default=3600, help="seconds for one row")
    given = parser.parse_args()
    results = json.loads(given.out.read_text()) if given.out.exists() else {}
    with tempfile.TemporaryDirectory(prefix="endcap-quality-") as folder:
        scratch = Path(folder)
        wanted = HERE / "quality-requirements.txt"
        python = given.peers or peers.peers_python(scratch / "venv", wanted)
        if python is None:
            print("The peers are left out: their packages could not be installed here.")
        for name in given.tasks.split(","):
            found = results.setdefault(name, {})
            rows = given.rows.split(",")
            todo = any(missing(found, who) for who in rows)
            task = prepared(name, given.data, scratch) if todo else None
            for who in rows if task else ():
                runs = Path(sys.executable) if who == "endcap" else python
                if runs is None or not missing(found, who):
                    continue
                found[who] = row(runs, who, task, scratch, given.limit)
                given.out.write_text(json.dumps(results, indent=1))
                print(f"{name} {who}: {found[who]}", file=sys.stderr, flush=True)
            if found:
                print(table(name, found), flush=True)


if __name__ == "__main__":
    main()
