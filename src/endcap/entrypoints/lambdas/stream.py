"""``Stream``: records of a Kinesis stream into the table ``events``, of which the next answer is
made.

Handler: ``endcap.entrypoints.lambdas.stream.handler``, of an event source mapping that lets the
function report single records (``ReportBatchItemFailures``). What comes again or late changes
nothing; a record that can never be kept is set aside in the lake's bucket and holds nobody up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import settings, telemetry, tell

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
        KinesisStreamRecord,
    )

    from endcap.domain.streams import StreamRecord
    from endcap.entrypoints.lambdas.event_rows import EventRows


@observed
def handler(event: dict[str, Any], context: Any) -> Mapping[str, Any]:
    """The sequence numbers of the records that must come again: Lambda goes on from the first."""
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    from endcap.app.stream_events import RESULTS, keep_events

    places, shard = opened(), shard_of(event)
    aside = partial(places.parts.set_aside, shard)
    done = keep_events(list(records_of(event)), places.history, places.receipts, aside)
    counts = {result: done.results[result] for result in RESULTS}
    tell("records of the stream", counts, reasons=done.reasons)

    def outcome(record: KinesisStreamRecord) -> None:
        error = done.again.get(record.kinesis.sequence_number)
        if error is not None:
            raise error

    processor = BatchProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event, outcome, processor, context)


@cache
def opened() -> EventRows:
    from endcap.entrypoints.lambdas.event_rows import open_event_rows

    return open_event_rows(settings(), telemetry().count)


def records_of(event: dict[str, Any]) -> Iterator[StreamRecord]:
    from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent

    from endcap.domain.streams import StreamRecord

    for record in KinesisStreamEvent(event).records:
        told = record.kinesis
        arrived_at = round(told.approximate_arrival_timestamp * 1e6)
        yield StreamRecord(
            told.sequence_number, told.partition_key, told.data_as_bytes(), arrived_at
        )


def shard_of(event: dict[str, Any]) -> str:
    """Lambda calls for one shard at a time; it stands in the ids of the event's records."""
    return str(event["Records"][0]["eventID"]).partition(":")[0]
