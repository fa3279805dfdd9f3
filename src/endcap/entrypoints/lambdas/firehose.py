"""The transformation function of a Firehose delivery stream: events in, recommendations out.

Handler: ``endcap.entrypoints.lambdas.firehose.handler``. The snapshot and the model are loaded by
the first call and kept; importing this module loads neither them nor numpy. A call that cannot
load them fails, and Firehose tries it again.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from endcap.domain.values import PERSONAL
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import fell_back, published, telemetry, tell

if TYPE_CHECKING:
    from endcap.app.stream_answers import Incoming, Outgoing

# What Lambda takes as an answer is 6 MB; Firehose refuses more as well.
MOST_ANSWER_BYTES = 6 * 2**20 - 4096
RESULTS = ("Ok", "Dropped", "ProcessingFailed")
AROUND_BYTES = 200  # of a record, beside its id and its data
LATE, LAST = 0.7, 0.9  # shares of the call's time: popular items from here on; nothing


@observed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Each record of the event, once and in order, as Ok, Dropped or ProcessingFailed."""
    began, began_at = time.monotonic(), time.time_ns() // 1000
    left_s = context.get_remaining_time_in_millis() / 1000
    from endcap.app.stream_answers import Terms, infer, within
    from endcap.engine.guarding import Deadline

    now = published().look()
    terms = Terms(
        began_at,
        vectors=published().vectors,
        late=Deadline(time.monotonic, began + left_s * LATE),
        last=Deadline(time.monotonic, began + left_s * LAST),
        failed=fell_back,
    )
    done = within(infer(now, incoming(event["records"]), terms), MOST_ANSWER_BYTES, AROUND_BYTES)
    report(done, now.serving.version, time.monotonic() - began)
    return {"records": [packed(outgoing) for outgoing in done]}


def incoming(records: Sequence[Mapping[str, Any]]) -> list[Incoming]:
    """What is not base64 becomes a record that nobody can read: it fails, the others do not."""
    from endcap.app.stream_answers import Incoming

    found = []
    for record in records:
        try:
            data = b64decode(record["data"], validate=True)
        except (NotBase64, ValueError):
            data = b"not base64"
        arrived_at = int(record["approximateArrivalTimestamp"]) * 1000
        found.append(Incoming(record["recordId"], data, arrived_at))
    return found


def packed(outgoing: Outgoing) -> dict[str, Any]:
    """A record of the answer, as Firehose wants it."""
    record: dict[str, Any] = {"recordId": outgoing.record_id, "result": outgoing.result}
    if outgoing.data:
        record["data"] = b64encode(outgoing.data).decode()
    if outgoing.partition:
        record["metadata"] = {"partitionKeys": dict(outgoing.partition)}
    return record


def report(done: Sequence[Outgoing], version: str, seconds: float) -> None:
    """Counts, no ids."""
    results = Counter(outgoing.result for outgoing in done)
    for outgoing in done:
        if outgoing.answer is not None:
            strategy = outgoing.answer.strategy
            telemetry().count("answers_total", surface=PERSONAL, strategy=strategy)
    tell(
        "transformed",
        {f"records{result}": results[result] for result in RESULTS},
        reasons=Counter(outgoing.reason for outgoing in done if outgoing.reason),
        modelVersion=version,
        seconds=round(seconds, 3),
    )
