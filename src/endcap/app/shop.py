"""An opened shop: one dataset group with its log, stores, lake and live state.

``bootstrap.open_shop`` builds it; nothing below takes a tenant argument. One thread uses a shop
(the event loop of a worker, or a command); ``reloading`` builds the next ``Live`` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from endcap.control.access import Access
from endcap.domain.errors import NotFound
from endcap.domain.records import AnyRecord, Pointed
from endcap.engagement.word_index import WordIndex
from endcap.engine.moment import Live
from endcap.engine.state import StateLimits
from endcap.ports import (
    Artifacts,
    DeadLetters,
    Documents,
    EventHistory,
    EventLog,
    Jobs,
    VectorIndex,
)
from endcap.settings import Settings
from endcap.telemetry import Counter, Reading, Telemetry

if TYPE_CHECKING:  # what answers from a published model does without
    from endcap.app.campaign_answers import Campaign
    from endcap.app.stream_parts import PartFiles
    from endcap.data.etl.storage import NearStorage
    from endcap.data.lake import Lake
    from endcap.domain.arrays import Float32s

# Pointers that the log announces; what they point to stands in the documents.
CAMPAIGN, SNAPSHOT, KEYS = "campaign", "snapshot", "keys"

# (owner, ns between two requests, burst, now in ns) → ns to wait; 0: go ahead
Rates = Callable[[int, int, int, int], int]
# The text of a token → what it permits. Raises Unauthorized, Unavailable.
Tokens = Callable[[str], Access]

# (kind, progress=…, asked=…) → the vectors of that kind, opened
Vectors = Callable[..., VectorIndex]

# (rows (n, columns of the ranker), the fingerprint of its trees) → margins (n,), by an endpoint
Endpoint = Callable[["Float32s", str], "Float32s"]


@dataclass
class Shop:
    settings: Settings
    group: str
    log: EventLog
    documents: Documents
    artifacts: Artifacts
    lake: Lake
    tables: NearStorage
    stream_files: PartFiles
    jobs: Jobs
    dead: DeadLetters
    telemetry: Telemetry
    limits: StateLimits
    now: Live
    # Held by whoever rewrites the lake or publishes snapshots: one process at a time.
    maintenance: Callable[[], AbstractContextManager[None]]
    # Opens the newest snapshot and model anew, when the log no longer reaches back to ours.
    renew: Callable[[], Live]
    vectors: Vectors
    # Which products speak of a word: made at the first offers.
    words: WordIndex = field(default_factory=WordIndex)
    # A local copy of a file or s3://… that was written for somebody; changes go back.
    edited: Callable[[str], AbstractContextManager[Path]] = lambda path: nullcontext(Path(path))
    # Names announced by the log since the last reload; ``on_pointer`` is told at once.
    moved: set[str] = field(default_factory=set)
    on_pointer: Callable[[], None] = lambda: None
    # The campaign's version that could not be taken up: not tried again until something moves.
    refused: str = ""
    # How often the log said that keys changed.
    keys_moved: int = 0
    rates: Rates | None = None
    tokens: Tokens | None = None
    # Why no model serves though one was trained: the code of what is wrong with its files.
    lacking: str = ""
    # What adapters hold of users, by place: id → how many entries were removed. A place whose
    # data only the core knows is a line in ``erasure.PLACES``.
    erasers: dict[str, Callable[[str], int]] = field(default_factory=dict)
    # How many answers were asked for, and their counters by (surface, strategy).
    asked: int = 0
    answered: dict[tuple[str, str], Counter] = field(default_factory=dict)
    # Where events are kept that do not come by the log; None: all of them do.
    history: EventHistory | None = None
    # Where the ranker's trees are asked outside of this process; None: only here.
    ranker: Endpoint | None = None
    # A campaign of Amazon Personalize that answers first, or is compared; None: the engine alone.
    campaign: Campaign | None = None
    # The registries of all processes of this group; none where this one is kept alone.
    readings: Callable[[], list[Reading]] = list

    def refresh(self, user_id: str = "") -> None:
        """Apply what any process has written to the log since: one memory read if nothing. Recall
        what ``user_id`` did, where events do not come by the log."""
        if self.log.end() != self.now.state.offset:
            self._follow()
        if self.history is not None and user_id:
            self.recall(user_id)

    def _follow(self) -> None:
        try:
            self.fold(self.log.read(self.now.state.offset))
        except NotFound:  # trimmed: two snapshots were taken since this process last looked
            self.now = self.renew()
            self.fold(self.log.read(self.now.state.offset))

    def recall(self, user_id: str) -> None:
        """Look up the newest that a user did since the snapshot. Raises what the store raises."""
        if self.history is not None:
            state = self.now.state
            found = self.history.newest(user_id, self.limits.history_events, state.recall_after)
            if not found:  # erased elsewhere, and the log says so in a moment
                state.drop_recalled(user_id)
            state.recall(found)

    def fold(self, tail: Iterable[tuple[int, bytes]]) -> None:
        state = self.now.state
        for end, payload in tail:
            record = state.fold(payload, end)
            if record is None:
                self.telemetry.count("records_skipped_total")
            elif isinstance(record, Pointed):
                self._point(record)

    def apply(self, record: AnyRecord, end: int, new: Sequence[int] | None = None) -> None:
        """``new`` as in ``LiveState.apply``."""
        try:
            self.now.state.apply(record, end, new)
        except Exception:  # it stands in the log: as when the log is read, the state goes on
            self.telemetry.count("records_skipped_total")
        if isinstance(record, Pointed):
            self._point(record)

    def _point(self, record: Pointed) -> None:
        if record.name == KEYS:
            self.keys_moved += 1
            return
        self.moved.add(record.name)
        self.on_pointer()
