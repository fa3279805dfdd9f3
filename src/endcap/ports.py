"""The Protocols through which the core reaches the world. Nothing else stands here.

Each port has one contract suite in ``tests/contracts`` that every adapter passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from endcap.domain.errors import EndcapError
from endcap.domain.relations import Relation
from endcap.domain.streams import Shard, StreamBatch
from endcap.domain.values import Event
from endcap.domain.vectors import LoadedVersion, Nearby

if TYPE_CHECKING:  # numpy and Arrow would make every start slow
    import pyarrow as pa

    from endcap.domain.arrays import Float32s

Payloads = Sequence[bytes]


class EventLog(Protocol):
    """An append-only, checksummed log of byte strings, shared by several processes, perhaps of
    several machines.

    An *offset* counts bytes from the beginning of the log and only grows. A record is whole or
    absent: a torn tail is cut.
    """

    def end(self) -> int:
        """The published end: everything before it can be read. Costs one memory read, but for one
        call a second where machines share the log: of what others wrote it may be that late."""

    def read(self, start: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(offset just behind the record, payload) from ``start`` to ``stop`` (default: the end as
        it is now, whoever wrote)."""

    def append(self, choose: Callable[[Iterator[tuple[int, bytes]]], Payloads], since: int) -> int:
        """Under the lock: show ``choose`` what was published after ``since``, write what it
        returns, publish the new end. Returns that end. Readable at once, durable after sync.

        Where there is no lock, ``choose`` is called again when another was quicker, with what
        came since its last call. After a failure, the first of the records may be written."""

    def sync(self, offset: int) -> None:
        """Returns when everything before ``offset`` is on disk. Blocks; call it off the loop."""

    def trim(self, before: int, unchanged_since: int | None = None) -> int:
        """Drop whole segments that end at or before ``before`` and, where given, were last written
        before ``unchanged_since`` (µs); returns the first offset kept."""

    def rewrite(self, before: int, change: Callable[[int, bytes], bytes]) -> int:
        """Physically replace the records that end at or before ``before`` by what ``change``
        makes of (offset behind, payload), of the same length; returns how many differ. Readers
        in the middle may still see what stood there."""


class DeadLetter(Struct, frozen=True, omit_defaults=True):
    """What could not be stored, as it came, and why."""

    at: int  # µs, when it was set aside
    offset: int  # of the log, behind the record
    reason: str
    payload: bytes  # the record's MessagePack (in JSON: base64)
    users: tuple[str, ...] = ()  # whose events it holds, as far as that can be read


class DeadLetters(Protocol):
    """Records that nothing could be done with, kept for a person to look at. Bounded: the oldest
    go first."""

    def add(self, letter: DeadLetter) -> None:
        """A letter of the same offset and payload is kept once."""

    def read(self) -> Iterator[DeadLetter]:
        """Oldest first. What cannot be read is left out."""

    def erase(self, user_id: str) -> int:
        """Drop every letter that names this user or holds the id; returns how many."""


class Document(Struct, frozen=True):
    """A JSON document. ``version`` counts its writes from 1."""

    key: str
    version: int
    body: dict[str, Any]


class Documents(Protocol):
    """Small JSON documents by kind and key, with compare-and-set."""

    def get(self, kind: str, key: str) -> Document | None: ...

    def put(self, kind: str, key: str, body: Mapping[str, Any], expected: int | None = None) -> int:
        """Write and return the new version. ``expected``: the version that must stand now
        (0: none), else Conflict; None writes whatever stands."""

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Write all, each unconditionally."""

    def delete(self, kind: str, key: str, expected: int | None = None) -> bool:
        """Whether there was one. Conflict as in ``put``."""

    def query(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 100
    ) -> list[Document]:
        """Documents in order of key (by code point), whose key begins with ``prefix`` and is
        greater than ``after``."""

    def scrub(self) -> None:
        """From here on no byte of what was deleted or replaced is kept by the store itself."""


class EventHistory(Protocol):
    """What shoppers did, by shopper and time, for as long as it is kept. An event is known by its
    shopper, its time and its id: the same event once more changes nothing."""

    def put(self, event: Event) -> bool:
        """Keep it; whether it was new. Durable on return."""

    def put_many(self, events: Sequence[Event]) -> Mapping[int, EndcapError]:
        """Keep all that can be kept; by position, why one is not. Durable on return."""

    def newest(self, user_id: str, most: int, after_ts: int | None = None) -> list[Event]:
        """A shopper's newest events, at most ``most``, of a time greater than ``after_ts`` (µs);
        oldest first, those of one instant in order of id."""

    def erase(self, user_id: str) -> int:
        """Drop every event of this shopper; returns how many."""


class Artifacts(Protocol):
    """Immutable, checksummed folders by kind and name: model versions, snapshots, reports."""

    def staging(self, kind: str) -> Path:
        """A new empty local folder to build in."""

    def publish(self, kind: str, name: str, staged: Path) -> None:
        """Make the staged folder readable under its name, whole or not at all. Conflict if the
        name is taken."""

    def open(self, kind: str, name: str, verify: bool = True) -> Path:
        """A local, read-only folder. NotFound; Damaged when a size or checksum differs."""

    def names(self, kind: str) -> list[str]:
        """Published names in order."""

    def delete(self, kind: str, name: str) -> None:
        """Remove it, and staging folders that were left over for more than a day. A reader that
        has it open keeps its files."""


class JobState(Struct, frozen=True):
    """``status``: one of ``running``, ``done``, ``failed``, ``stopped``."""

    status: str
    reason: str = ""  # why it failed: the last lines it printed
    started_at: int = 0  # µs
    ended_at: int = 0  # µs; 0 while it runs


class Jobs(Protocol):
    """Long work outside the asking process. Survives a restart of the asker."""

    def start(self, name: str, arguments: Sequence[str]) -> str:
        """Begin ``endcap NAME ARGUMENTS`` and return the job's id."""

    def poll(self, job_id: str) -> JobState:
        """NotFound for an unknown id."""

    def stop(self, job_id: str) -> None:
        """Ask it to end, then end it. Nothing happens if it has ended."""

    def jobs(self) -> list[str]:
        """Ids in the order of their start."""


class Message(Struct, frozen=True):
    """What people are told. ``attributes``: short texts that receivers choose by; none of it names
    a user."""

    subject: str  # one line, at most 100 characters
    text: str
    attributes: dict[str, str] = {}


class Sender(Protocol):
    """Hands messages to people or to what tells them."""

    def send(self, message: Message) -> str:
        """Hand it over; the id by which the receiver knows it. Whoever sends it again after a
        failure may be heard twice.

        Raises Unavailable (message_not_sent), Forbidden (sender_denied), NotFound
        (unknown_receiver), InvalidInput (message_refused).
        """


class Stream(Protocol):
    """A durable log in shards, for several consumers. Records of one key lie in one shard."""

    def put(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Store (partition key, data) each; durable on return. After a failure some may be."""

    def shards(self) -> list[Shard]:
        """Parents before their children."""

    def read(self, shard: str, after: str, most: int) -> StreamBatch:
        """At most ``most`` records behind the position ``after`` ("": the oldest kept), in order;
        those that are no longer kept are left out. None: the end is reached for now."""

    def positions(self, consumer: str) -> dict[str, str]:
        """By shard, how far this consumer has come; empty at first."""

    def checkpoint(self, consumer: str, positions: Mapping[str, str]) -> None:
        """Keep these positions; those of other shards stay. Durable on return."""


class VectorIndex(Protocol):
    """Vectors of one kind of thing (items, users) by id, in versions of which one answers.

    The score is the inner product; equal scores stand in order of id (by code point). A search
    may be approximate, but never answers fewer than were asked for while more are permitted.
    """

    def load(
        self,
        version: str,
        ids: Sequence[str],
        vectors: Float32s,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Store a version (n ids, vectors (n, d)) beside what answers. ``labels``: by name one
        text for each id, to filter by. Whole or not at all. Conflict if the version is there;
        InvalidInput for vectors that are not finite numbers and for an id that comes twice."""

    def switch(self, version: str) -> None:
        """From now on every search, of every process, answers from this version. The one that
        answered before is kept, so that one can switch back; others that were loaded before it
        are dropped. NotFound."""

    def versions(self) -> list[LoadedVersion]:
        """What is loaded, oldest first."""

    def nearest(
        self, vectors: Float32s, k: int, where: Mapping[str, Collection[str]] | None = None
    ) -> Nearby:
        """The k nearest to each of ``vectors`` (q, d). ``where``: only ids whose label of that
        name is one of those given, for every name. NotFound before the first switch;
        InvalidInput for another d."""

    def vectors(self, ids: Sequence[str]) -> Float32s:
        """Their vectors in the version that answers, (len(ids), d); NaN for an unknown id."""

    def erase(self, ids: Collection[str]) -> int:
        """Remove these ids from every version, physically; returns how many vectors went."""


class Database(Protocol):
    """A shop's own database, read only and as it was at one moment: what others change meanwhile
    is not seen. ``name``: the URL without user and password. ``dialect``: mysql or postgresql.

    Every method raises Unavailable (database_gone, database_timeout, database_busy) and
    InvalidInput (database_rights_missing, database_query_failed).
    """

    name: str
    dialect: str

    def relations(self) -> Sequence[Relation]:
        """All tables and views that can be seen, in order of name."""

    def value(self, query: str, parameters: Sequence[object] = ()) -> str | None:
        """The first column of the first row as text; None where it is null or there is none.
        ``query``: SQL with %s for each parameter."""

    def read(self, query: str, parameters: Sequence[object], rows: int) -> Iterator[pa.Table]:
        """All rows, streamed, in tables of about ``rows`` rows, or about MOST_BYTES where that is
        less; every column as text (string)."""

    def close(self) -> None:
        """Leave the database. Nothing is raised."""
