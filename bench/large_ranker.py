"""A ranker for the large shop: trained by xgboost on the rows that this shop really serves.

The shop's histories are random, so what is bought is drawn as well: likelier for what the shopper
looked at, for their aisles, and for what is popular. Only the number and the depth of the trees
and the distribution of the rows matter here.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import xgboost

from endcap.app.rankers import RANKERS
from endcap.bootstrap import open_shop
from endcap.data.interactions import Interactions
from endcap.domain.values import PERSONAL, Query
from endcap.engine.moment import Live, observe
from endcap.engine.rank import ranker_rows
from endcap.engine.serving import bind
from endcap.features.products import ProductTable, product_table
from endcap.models.calibration import isotonic
from endcap.models.ranker import BY_RANKER, CANDIDATES, COLUMNS, Ranker
from endcap.models.trees import read_xgboost
from endcap.settings import load_settings

USERS_OF_TABLE, USERS_OF_TRAINING = 20_000, 400
SETTINGS = {
    "objective": "binary:logistic", "tree_method": "hist", "max_depth": 6, "eta": 0.1,
    "min_child_weight": 2, "max_bin": 128, "nthread": 1, "seed": 0,
}  # fmt: skip


def add_ranker(home: Path, trees: int, versions: tuple[str, ...] = ("v0001", "v0002")) -> None:
    """Publish one ranker, whose order is served, for versions of the shop in ``home``."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    at = time.time_ns() // 1000
    table = product_table(events(shop.now), catalogue(shop.now), at)
    ranker = trained(shop.now, table, at, trees)
    for version in versions:
        staged = shop.artifacts.staging(RANKERS)
        ranker.save(staged)
        shop.artifacts.publish(RANKERS, version, staged)


def events(now: Live) -> Interactions:
    """The histories of some users in rows of the model."""
    users = [f"user-{row}" for row in range(min(USERS_OF_TABLE, len(now.state.users)))]
    histories = [now.state.history(user) for user in users]
    items = np.concatenate([history.items for history in histories])
    return Interactions(
        np.repeat(np.arange(len(users)), [len(h.items) for h in histories]).astype(np.int32),
        now.serving.model_rows(items),
        np.concatenate([history.types for history in histories]),
        np.concatenate([history.ts for history in histories]),
        users,
        list(now.serving.recipe.item_ids) if now.serving.recipe else [],
    )


def catalogue(now: Live) -> list[dict[str, object]]:
    return [dict(now.state.item_attributes(int(row))) for row in now.serving.to_row]


def trained(now: Live, table: ProductTable, at: int, trees: int) -> Ranker:
    serving = now.serving
    assert serving.recipe is not None
    untrained = Ranker(None, None, table, BY_RANKER, {})  # type: ignore[arg-type]
    now = Live(
        **{
            **vars(now),
            "serving": bind("v0001", serving.recipe, None, now.state.items, untrained),
        }
    )
    draw = np.random.default_rng(1)
    found = []
    for user in draw.choice(len(now.state.users), USERS_OF_TRAINING, replace=False).tolist():
        moment = observe(now, Query(PERSONAL, at=at, user_id=f"user-{user}"))
        best = serving.recipe.live_candidates(moment.live_query(), CANDIDATES)
        assert best is not None
        places = np.arange(len(best.rows))
        found.append(ranker_rows(moment, best.rows, best.scores, places))
    rows = np.concatenate(found)  # (moments · CANDIDATES, len(COLUMNS))
    told = np.nan_to_num(rows)
    liking = (told - told.mean(axis=0)) / (told.std(axis=0) + 1e-6)
    bent = np.tanh(liking @ draw.normal(size=(len(COLUMNS), 8)) / 3) @ draw.normal(size=8)
    labels = draw.random(len(rows)) < 1 / (1 + np.exp(2 - bent))
    model = xgboost.train(SETTINGS, xgboost.DMatrix(rows, labels), trees)
    read = read_xgboost(bytes(model.save_raw("json")))
    info = {"status": "trained", "order": BY_RANKER, "trees": len(read.features)}
    return Ranker(read, isotonic(read.margins(rows), labels), table, BY_RANKER, info)
