"""Hold recommenders against what users really took, beside baselines and with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float64s, Int32s, Int64s
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EXCLUDE_NONE, Attributes
from endcap.evaluation import metrics
from endcap.evaluation.baselines import BASELINE_NAMES, POPULARITY, baselines
from endcap.evaluation.estimates import DRAWS, Draws, Estimate, differences, estimate, finite
from endcap.evaluation.learnt_baselines import learnt_baselines
from endcap.evaluation.protocols import Recommend, Split
from endcap.evaluation.results import Difference, Evaluation, Figure, Pair, Row, SliceRow
from endcap.evaluation.slices import Slice, attribute_slices, categories, standard_slices
from endcap.evaluation.truth import Judged, judge, repeated
from endcap.statistics.paired import compare_paired

Progress = Callable[[str, float], None]


class Ranked(NamedTuple):
    """What one recommender answered to the t tested users."""

    rows: Int32s  # (t, k)
    judged: Judged


Lists = Mapping[str, Ranked]  # by recommender
BY_CATEGORY = ("diversity", "miscalibration")
SLICE_METRICS = ("recall", "ndcg", "hr", "mrr")


def evaluate(
    recommenders: Mapping[str, Recommend],
    split: Split,
    k: int = 20,
    *,
    seen: str = EXCLUDE_NONE,
    catalogue: Sequence[Attributes] | None = None,
    category: str = "department",
    slices: Sequence[Slice] | None = None,
    draws: Draws = DRAWS,
    batch: int = 1024,
    pairs: Sequence[tuple[str, str]] = (),
    progress: Progress = lambda _what, _share: None,
) -> Evaluation:
    """Metrics, intervals and paired differences to popularity of every recommender.

    The baselines stand in the table always, under the seen policy ``seen``; a recommender of a
    baseline's name takes its place. ``catalogue`` has the attributes of each item row; its
    ``category`` gives diversity and a family of slices; None: the standard ``slices``.
    ``pairs``: recommenders to compare, the first less the second.
    The bootstrap draws users; all recommenders share the draws. ``progress`` is told what is
    being done and the share that is done. Raises InvalidInput (bad_lists, bad_rows,
    length_of_catalogue, level_out_of_range).
    """
    kinds = _categories(split, catalogue, category)
    own = baselines(split.train, seen=seen, seed=draws.seed)
    own |= learnt_baselines(
        split.train, seen=seen, seed=draws.seed, progress=lambda what: progress(what, 0.0)
    )
    table = {**recommenders, **{n: r for n, r in own.items() if n not in recommenders}}
    lists: dict[str, Ranked] = {}
    for done, (name, recommend) in enumerate(table.items()):
        progress(f"ranking: {name}", 0.8 * done / len(table))
        answered = rank_all(name, recommend, split, k, batch)
        lists[name] = Ranked(answered, judge(answered, split.truth))
    progress("intervals", 0.8)
    rows = _rows(lists, split, kinds[1] if kinds else None, draws)
    progress("slices", 0.9)
    if slices is None:
        by_category = attribute_slices(split, category, *kinds) if kinds else []
        slices = [*standard_slices(split), *by_category]
    parts = [_slice_row(part, lists, split, draws) for part in slices]
    progress("done", 1.0)
    told = [_pair(lists, *names, draws) for names in pairs]
    return _evaluation(split, k, seen, draws, rows=rows, slices=parts, pairs=told)


def _pair(lists: Lists, recommender: str, against: str, draws: Draws) -> Pair:
    changes = {}
    for name, metric in metrics.ACCURACY.items():
        first, second = (metric(lists[one].judged) for one in (recommender, against))
        told = compare_paired(
            first, second, level=draws.level, resamples=draws.resamples, seed=draws.seed
        )
        ends = (told.difference, told.low, told.high, told.p_value)
        changes[name] = Difference(*map(finite, ends))
    return Pair(recommender, against, changes)


def rank_all(name: str, recommend: Recommend, split: Split, k: int, batch: int) -> Int32s:
    """The lists of all tested users, checked: (t, k). A repeat within a list becomes −1.

    Raises InvalidInput (bad_lists, bad_rows) naming the recommender.
    """
    found = np.full((len(split.users), k), -1, np.int32)
    done = 0
    for questions in split.batches(k, batch):
        lists, b = recommend(questions), len(questions.users)
        if lists.shape != (b, k):
            raise InvalidInput("bad_lists", field=name, value=lists.shape, permitted=(b, k))
        found[done : done + b] = lists
        done += b
    for row in (int(found.min(initial=-1)), int(found.max(initial=-1))):
        if not -1 <= row < split.train.n_items:
            most = split.train.n_items - 1
            raise InvalidInput("bad_rows", field=name, value=row, most=most)
    found[repeated(found)] = -1
    return found


def _evaluation(
    split: Split,
    k: int,
    seen: str,
    draws: Draws,
    *,
    rows: list[Row],
    slices: list[SliceRow],
    pairs: list[Pair],
) -> Evaluation:
    n_items = split.train.n_items
    return Evaluation(
        protocol=split.protocol,
        split_at=split.split_at,
        k=k,
        users=len(split.users),
        cold_users=int((split.history_lengths() == 0).sum()),
        items=n_items,
        train_events=len(split.train),
        test_events=split.test_events,
        truth_items=len(split.truth.items),
        seen=seen,
        reference=POPULARITY,
        level=draws.level,
        resamples=draws.resamples,
        seed=draws.seed,
        rows=rows,
        slices=[part for part in slices if part.users],
        demand_curve=_curve(np.bincount(split.truth.items, minlength=n_items)),
        pairs=pairs,
    )


def _rows(lists: Lists, split: Split, category: Int32s | None, draws: Draws) -> list[Row]:
    names = [*metrics.ACCURACY, "novelty", *(BY_CATEGORY if category is not None else ())]
    values = _values(lists, split, category)
    found = estimate(np.hstack(list(values.values())), draws)
    width = len(names)
    parts = {
        name: Estimate(
            found.figures[i * width : (i + 1) * width],
            found.means[:, i * width : (i + 1) * width],
        )
        for i, name in enumerate(values)
    }
    rows = []
    for name, (figures, means) in parts.items():
        exposed = metrics.exposure(lists[name].rows, split.train.n_items)
        change = []
        if name != POPULARITY:
            drawn = means - parts[POPULARITY].means
            change = differences(values[name], values[POPULARITY], drawn, draws)
        rows.append(
            Row(
                recommender=name,
                baseline=name in BASELINE_NAMES,
                figures=dict(zip(names, figures, strict=True))
                | _together(exposed, lists[name].rows),
                differences=dict(zip(names, change, strict=False)),
                recall_curve=[finite(v) for v in metrics.recall_curve(lists[name].judged)],
                exposure_curve=_curve(exposed),
            )
        )
    return rows


def _values(lists: Lists, split: Split, category: Int32s | None) -> dict[str, Float64s]:
    """Every metric that is a mean over users: recommender → (t, metrics)."""
    train, width = split.train, max(split.train.n_items, 1)
    pairs = np.unique(train.user.astype(np.int64) * width + train.item)
    users_of_item = np.bincount(pairs % width, minlength=train.n_items)
    n_users = len(np.unique(train.user))
    history = None if category is None else _history_kinds(split, category)
    found = {}
    for name, (rows, judged) in lists.items():
        columns = [metric(judged) for metric in metrics.ACCURACY.values()]
        columns.append(metrics.novelty(rows, users_of_item, n_users))
        if category is not None and history is not None:
            columns.append(metrics.intra_list_diversity(rows, category))
            columns.append(metrics.miscalibration(rows, category, history))
        found[name] = np.column_stack(columns)
    return found


def _history_kinds(split: Split, category: Int32s) -> Float64s:
    """Known events of each tested user by category: (t, categories)."""
    train, kinds = split.train, int(category.max(initial=0)) + 1
    place = np.full(train.n_users, -1)
    place[split.users] = np.arange(len(split.users))
    user, kind = place[train.user], category[train.item]
    counted = (user >= 0) & (kind >= 0)
    keys = user[counted] * kinds + kind[counted]
    counts = np.bincount(keys, minlength=len(split.users) * kinds)
    return counts.reshape(-1, kinds).astype(np.float64)


def _together(exposed: Int64s, rows: Int32s) -> dict[str, Figure]:
    """Metrics of all lists together. No interval: a drawn set of users covers less by nature."""
    users, k = rows.shape
    return {
        "coverage": Figure(finite(metrics.coverage(exposed))),
        "gini": Figure(finite(metrics.gini(exposed))),
        "personalisation": Figure(finite(metrics.personalisation(exposed, users, k))),
    }


def _slice_row(part: Slice, lists: Lists, split: Split, draws: Draws) -> SliceRow:
    relevant = split.truth.lengths()
    if part.items is not None:
        relevant = split.truth.only(part.items).lengths()
    users = relevant > 0 if part.users is None else part.users & (relevant > 0)
    columns = []
    for rows, judged in lists.values():
        hits = judged.hits[users]
        if part.items is not None:
            hits = hits & part.items[rows[users]]  # padding hits nothing anyway
        columns += [metrics.ACCURACY[n](Judged(hits, relevant[users])) for n in SLICE_METRICS]
    figures = iter(estimate(np.column_stack(columns), draws).figures)
    by_recommender = {name: {metric: next(figures) for metric in SLICE_METRICS} for name in lists}
    return SliceRow(part.family, part.name, int(users.sum()), by_recommender)


def _categories(
    split: Split, catalogue: Sequence[Attributes] | None, attribute: str
) -> tuple[list[str], Int32s] | None:
    if catalogue is None:
        return None
    if len(catalogue) != split.train.n_items:
        raise InvalidInput(
            "length_of_catalogue",
            field="catalogue",
            value=len(catalogue),
            expected=split.train.n_items,
        )
    names, kinds = categories(catalogue, attribute)
    return (names, kinds) if names else None


def _curve(counts: Int64s) -> list[float]:
    """Share of ``counts`` (n_items,) on the top 0 %, 1 % … 100 % of items by count."""
    ordered = np.concatenate(([0], np.cumsum(np.sort(counts)[::-1])))
    places = np.linspace(0, len(counts), 101)
    shares = np.interp(places, np.arange(len(ordered)), ordered) / max(ordered[-1], 1)
    return [round(float(share), 6) for share in shares]
