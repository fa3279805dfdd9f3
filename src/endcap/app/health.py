"""What ``endcap doctor`` looks at: each check reads one store and never changes it.

A check returns what it saw, as one line, or raises ``Finding`` or an EndcapError.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from endcap.app.reloading import MODELS, SNAPSHOTS
from endcap.control.api_keys import api_keys
from endcap.control.campaigns import campaign
from endcap.control.solution_versions import versions
from endcap.data.lake import Lake
from endcap.domain.errors import EndcapError
from endcap.domain.records import decode_known
from endcap.ports import Artifacts, DeadLetters, Documents, EventLog
from endcap.settings import Settings

LEAST_FREE_MB = 1024
MOST_MODEL_DAYS = 30
NO_KEY = "keys are asked for (ENDCAP_AUTH=required), but no valid key exists: nobody can ask"
NO_KEY_ADVICE = "endcap keys create --name NAME --scope read"


class Finding(Exception):
    """Something to mend: what is wrong, and what to do."""

    def __init__(self, wrong: str, advice: str) -> None:
        super().__init__(wrong)
        self.advice = advice


class Check(Struct, frozen=True):
    """The outcome of one check. ``advice`` says what to do when it is not ``ok``."""

    name: str
    ok: bool
    seen: str
    advice: str = ""


ADVICE = {
    "log": "restore the group's folder from a backup; what the log lost was not in the lake yet",
    "documents": "restore documents.sqlite from a backup; the lake and the log are not touched",
    "models": "endcap train makes a new version; endcap rollback serves an earlier one",
    "snapshots": "nothing to do if an older one is sound; else remove it: it is rebuilt",
    "lake": "restore the lake folder from a backup, or import the files again",
    "unknown": "run the version of Endcap that wrote them; until then they are left out",
    "dead letters": "read the reasons in groups/GROUP/dead; delete the files when done with them",
    "campaign": "endcap train, or endcap rollback VERSION with one that endcap versions lists",
}


def examined(name: str, look: Callable[[], str]) -> Check:
    """Run one check and put whatever it meets into words."""
    try:
        return Check(name, True, look())
    except Finding as finding:
        return Check(name, False, str(finding), finding.advice)
    except EndcapError as error:
        return Check(name, False, str(error), ADVICE.get(name, ""))
    except Exception as error:  # damage has no end of kinds, and each must be shown
        return Check(name, False, f"{type(error).__name__}: {error}", ADVICE.get(name, ""))


def home(path: Path) -> str:
    """The home can be written, and by nobody else."""
    standing = next(p for p in (path, *path.parents) if p.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise Finding(f"cannot write to {path}", "set ENDCAP_HOME to a folder that you own")
    if standing != path:
        return f"{path} does not exist yet; the first command makes it"
    if path.stat().st_mode & stat.S_IWOTH:
        raise Finding(f"everybody may write to {path}", f"chmod o-w {path}")
    return str(path)


def disk(path: Path) -> str:
    """There is space for the log to grow."""
    standing = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(standing).free // 2**20
    if free < LEAST_FREE_MB:
        advice = "free some space, or move the home and set ENDCAP_HOME"
        raise Finding(f"{free} MB are free; less than {LEAST_FREE_MB}", advice)
    return f"{free / 1024:.1f} GB free"


def log(opened: EventLog) -> str:
    """Every record can be read and understood."""
    first, records, unknown = opened.trim(0), 0, 0
    for _, payload in opened.read(first):
        unknown += decode_known(payload) is None
        records += 1
    if unknown:
        wrong = f"{unknown} of {records} records are not of this version of Endcap"
        raise Finding(wrong, ADVICE["unknown"])
    return f"{records} records, {(opened.end() - first) / 2**20:.1f} MB"


def dead_letters(opened: DeadLetters) -> str:
    """No record was set aside because it could not be stored."""
    reasons = Counter(letter.reason for letter in opened.read())
    if reasons:
        wrong = "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common(5))
        raise Finding(f"{reasons.total()} records were set aside ({wrong})", ADVICE["dead letters"])
    return "none"


def documents(opened: Documents) -> str:
    """Every version and the campaign can be read."""
    return f"{len(versions(opened))} model versions"


def artifacts(opened: Artifacts, kind: str) -> str:
    """Every published folder of ``kind`` is what its checksums say."""
    names = opened.names(kind)
    damaged = dict(_damaged(opened, kind, names))
    if damaged:
        wrong = "; ".join(f"{name}: {error}" for name, error in damaged.items())
        raise Finding(wrong, ADVICE[kind])
    return f"{len(names)} sound"


def _damaged(opened: Artifacts, kind: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            opened.open(kind, name)
        except EndcapError as error:
            yield name, str(error)


def campaigned(stored: Documents, kept: Artifacts) -> str:
    """What the campaign points to exists."""
    current = campaign(stored)
    if not current.version:
        return "nothing trained yet: popular items are served"
    if current.version not in kept.names(MODELS):
        raise Finding(f"{current.version} is to serve, but has no files", ADVICE["campaign"])
    return f"{current.version} serves"


def model_age(stored: Documents, at: int) -> str:
    """What serves was trained not too long ago. ``at``: now, in µs."""
    current = campaign(stored).version
    made = next((v.created_at for v in versions(stored) if v.name == current), 0)
    if not made:
        return "nothing trained yet" if not current else f"{current}: nobody knows when"
    days = (at - made) / 86_400_000_000
    if days > MOST_MODEL_DAYS:
        wrong = f"{current} was trained {days:.0f} days ago: it knows nothing of newer products"
        raise Finding(wrong, "endcap train; let a timer run it each night")
    return f"{current} was trained {days:.1f} days ago"


def keys(stored: Documents, settings: Settings, at: int) -> str:
    """Where keys are asked for, somebody has one. ``at``: now, in µs."""
    if settings.auth == "open":
        return "none are asked for: only this machine can reach a server"
    valid = sum(key.status(at) == "active" for key in api_keys(stored))
    if not valid and not settings.jwks:
        raise Finding(NO_KEY, NO_KEY_ADVICE)
    return f"{valid} valid" + (", and tokens" if settings.jwks else "")


def lake(opened: Lake) -> str:
    """The manifest can be read, and every file that it names."""
    manifest = opened.manifest()
    counts = []
    with opened.connect() as sql:
        for table in ("events", "items", "users"):
            row = sql.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            counts.append(f"{row[0] if row else 0} {table}")
    return f"version {manifest.version}: {', '.join(counts)}"


KINDS = (MODELS, SNAPSHOTS)
