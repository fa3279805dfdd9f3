"""How training grows: seconds and peak memory of the default recipe at 1, 10 and 50 million events.

Each size runs in a process of its own, on events made by ``growth_shop.py``, and is judged on
later events that training did not see. Its figures are kept in ``--out`` and not measured again;
``plot`` draws what is there.

    python bench/growth.py --sizes 1,10        # millions of events
    python bench/growth.py --sizes 50          # later, added to the same file
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ITEMS = {1: 5_000, 10: 50_000, 50: 200_000}
LIMIT_GB = 20
CLEAR = Path("/proc/self/clear_refs")


def peak_mb() -> float:
    """Most memory this process held since ``forget_peak``."""
    rows = Path("/proc/self/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("VmHWM")).split()[1]) / 1024


def forget_peak() -> None:
    CLEAR.write_text("5")


def measure(millions: int, memory_mb: int, threads: int, budget_s: float) -> dict[str, Any]:
    """Fit one size and judge it."""
    from growth_shop import shop

    from endcap.evaluation.protocols import sample_users, temporal_split
    from endcap.evaluation.recommenders import recipe_recommender
    from endcap.evaluation.truth import judge
    from endcap.models.recipe import Recipe

    split = sample_users(
        temporal_split(shop(millions * 1_000_000, ITEMS[millions]), fraction=0.95), 2000
    )
    forget_peak()
    begun, busy, told = time.perf_counter(), time.process_time(), []

    def progress(stage: str, _share: float) -> None:
        told.append([round(time.process_time() - busy, 1), stage, round(peak_mb())])
        print(*told[-1], file=sys.stderr, flush=True)

    recipe = Recipe.fit(
        split.train, memory_mb=memory_mb, threads=threads, budget_s=budget_s, progress=progress
    )
    found = {
        "events": len(split.train),
        "items": split.train.n_items,
        "users": split.train.n_users,
        "fit_s": round(time.perf_counter() - begun, 1),
        "fit_cpu_s": round(time.process_time() - busy, 1),
        "peak_mb": round(peak_mb()),
        "searched_events": recipe.info["searched_events"],
        "settings_tried": len(recipe.info["search"]),
        "components": [part["name"] for part in recipe.info["components"]],
        "stages": told,
    }
    recommend = recipe_recommender(recipe, split.train, recipe.info["seen_policy"])
    batch = next(split.batches(20, len(split.users)))
    recommend(batch)  # compiles
    begun = time.perf_counter()
    lists = recommend(batch)
    found["answer_us"] = round((time.perf_counter() - begun) / len(split.users) * 1e6)
    popular = np.argsort(-np.bincount(split.train.item, minlength=split.train.n_items))[:20]
    every = np.broadcast_to(popular.astype(np.int32), lists.shape)
    for name, answer in (("", lists), ("popularity_", np.ascontiguousarray(every))):
        found |= {f"{name}{k}": v for k, v in figures(judge(answer, split.truth)).items()}
    return found


def figures(judged: Any) -> dict[str, float]:
    from endcap.evaluation import metrics

    return {
        name: round(float(np.nanmean(metric(judged))), 4)
        for name, metric in (("recall@20", metrics.recall), ("ndcg@20", metrics.ndcg))
    }


def plot(results: dict[str, Any], target: Path) -> None:
    """Seconds and memory by events, both axes logarithmic."""
    from matplotlib.figure import Figure

    rows = sorted(results.values(), key=lambda row: row["events"])
    events = [row["events"] / 1e6 for row in rows]
    drawing = Figure(figsize=(8, 3.2), layout="constrained")
    for at, (name, unit) in enumerate((("fit_cpu_s", "processor seconds"), ("peak_mb", "peak MB"))):
        axes = drawing.add_subplot(1, 2, at + 1)
        axes.plot(events, [row[name] for row in rows], "o-", color="#1f5fa8")
        for row, x in zip(rows, events, strict=True):
            note = f"{row[name]:,.0f}\n{row['items']:,} items"
            axes.annotate(note, (x, row[name]), (4, -20), textcoords="offset points", fontsize=8)
        axes.set(xscale="log", yscale="log", xlabel="million events", ylabel=unit)
        axes.margins(0.25)
        axes.grid(alpha=0.3)
    drawing.savefig(target)


def one(millions: int, given: argparse.Namespace) -> dict[str, Any] | None:
    """The figures of a process that fits one size; None: it failed."""
    words = [sys.executable, __file__, "--one", millions, "--memory-mb", given.memory_mb,
             "--threads", given.threads, "--budget", given.budget]  # fmt: skip
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"{millions} million events: failed with {done.returncode}")
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,10,50", help="millions of events")
    parser.add_argument("--out", type=Path, default=Path("growth.json"))
    parser.add_argument("--memory-mb", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=300.0, help="as endcap train's")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.memory_mb, given.threads, given.budget)))
        return
    results = json.loads(given.out.read_text()) if given.out.exists() else {}
    for millions in map(int, given.sizes.split(",")):
        if str(millions) not in results and (found := one(millions, given)):
            results[str(millions)] = found
            given.out.write_text(json.dumps(results, indent=1))
            plot(results, given.out.with_suffix(".svg"))
        if row := results.get(str(millions)):
            print(told(millions, row), flush=True)


def told(millions: int, row: dict[str, Any]) -> str:
    inside = "inside" if row["peak_mb"] < LIMIT_GB * 1024 else "beyond"
    return (
        f"{millions} million events: {row['fit_s']} s ({row['fit_cpu_s']} s of the processor), "
        f"{row['peak_mb']} MB ({inside} {LIMIT_GB} GB), recall@20 {row['recall@20']} "
        f"(popularity {row['popularity_recall@20']}), answer {row['answer_us']} µs"
    )


if __name__ == "__main__":
    main()
