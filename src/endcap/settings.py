"""One frozen ``Settings``, read once from the environment. Nothing else reads the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from endcap.domain.errors import InvalidInput
from endcap.domain.setting import Hidden
from endcap.domain.setting_table import FORMS, SETTINGS

__all__ = ["CAMPAIGN_VARIABLE", "FORMS", "SETTINGS", "SHADOW", "Settings", "load_settings"]

# Named without ENDCAP_: what deployments of the functions set. The table's name and "Table".
TABLE_VARIABLES = ("CustomerInterestTable", "EcommerceUsersTable", "storeRecommendationsTable")

CAMPAIGN_VARIABLE, SHADOW = "PERSONALIZE_CAMPAIGN_ARN", "shadow:"


class Settings(Struct, frozen=True):
    """See ``setting_table`` for the meaning, default and range of each."""

    home: Path
    group: str
    workers: int
    segment_mb: float
    history_events: int
    repeat_horizon_hours: float
    snapshot_tail_mb: float
    keeper_interval_s: float
    popular_half_life_days: float
    trending_half_life_days: float
    memory_mb: int
    threads: int
    max_body_kb: int
    max_waiting: int
    max_waiting_mb: float
    log_retention_hours: float
    purge_hours: float
    keep_snapshots: int
    retention_days: int
    lake_hours: float
    lake: str
    artifacts: str
    log: str
    documents: str
    tables: str
    event_days: float
    cache_mb: float
    max_batch: int
    deadline_ms: float
    keep_versions: int
    seed: int
    auth: str
    rate_per_s: float
    burst: int
    cors_origins: str
    jwks: str
    jwt_issuer: str
    jwt_audience: str
    otel: str
    database_password: Hidden
    stream: str
    stream_neighbours: str
    stream_shards: int
    stream_retention_hours: float
    jobs: str
    sender: Hidden  # the URL of a webhook is a secret
    vectors: Hidden  # a URL may hold a password
    vectors_ms: float
    ranker: str
    ranker_ms: float
    campaign: str
    campaign_ms: float
    import_roots: str
    open_shops: int
    jobs_at_once: int
    solution_search_s: float
    describe_wait_s: float
    arn_account: str
    arn_region: str
    personalize_keys: Hidden
    log_level: str

    @property
    def cores(self) -> int:
        return self.threads or os.cpu_count() or 1


def load_settings(environment: Mapping[str, str], **given: Any) -> Settings:
    """Settings from ``ENDCAP_…`` variables; ``given`` (not None) goes before them. A value that is
    ``Hidden`` stays so.

    Raises InvalidInput (bad_setting, unknown_setting) naming the variable.
    """
    names = {f"ENDCAP_{name.upper()}": name for name in SETTINGS}
    for variable in environment:
        if variable.startswith("ENDCAP_") and variable not in names:
            nearest = difflib.get_close_matches(variable.upper(), names, n=1, cutoff=0.0)[0]
            raise InvalidInput("unknown_setting", field=variable, nearest=nearest)
    values: dict[str, Any] = {}
    for variable, name in names.items():
        raw = given.get(name)
        if raw is None:
            raw = environment.get(variable, SETTINGS[name].default)
        if name == "campaign" and not raw:
            raw = environment.get(CAMPAIGN_VARIABLE, "")
        if name == "tables":
            own = (f"{v[:-5]}={environment[v]}" for v in TABLE_VARIABLES if environment.get(v))
            raw = ",".join(filter(None, (raw, *own)))
        values[name] = _read(variable, name, raw)
    return Settings(**values)


def _read(variable: str, name: str, raw: Any) -> Any:
    setting, kind = SETTINGS[name], Settings.__annotations__[name]
    hidden = kind == "Hidden" or isinstance(raw, Hidden)
    shown = "…" if hidden else raw
    if name == "home":
        if not str(raw).strip():
            raise InvalidInput("bad_setting", field=variable, value=raw, permitted="a folder")
        return Path(raw).expanduser().absolute()
    if name in FORMS and not FORMS[name][0].fullmatch(str(raw)):
        raise InvalidInput("bad_setting", field=variable, value=shown, permitted=FORMS[name][1])
    if setting.least is None or setting.most is None:
        return Hidden(raw) if hidden else str(raw)
    whole = kind == "int"
    try:
        number = int(str(raw)) if whole else float(raw)
    except ValueError:
        number = float("nan")
    if not setting.least <= number <= setting.most:
        permitted = f"a {'whole ' * whole}number from {setting.least:g} to {setting.most:g}"
        raise InvalidInput("bad_setting", field=variable, value=shown, permitted=permitted)
    return number
