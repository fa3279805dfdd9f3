"""Every metric that ``/metrics`` shows: what it counts, and how it is put together from several
processes. ``docs/metrics.md`` is made from this table."""

from __future__ import annotations

from msgspec import Struct

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
# How a gauge of several processes becomes one: their sum, the largest, or each with its name.
SUM, MOST, EACH = "sum", "max", "each"


class Metric(Struct, frozen=True):
    """``kind``: counters and histograms are added over all processes, the ended ones too; gauges
    come from the living ones, by ``across``. ``labels``: beside ``process``, which EACH adds."""

    kind: str
    about: str
    labels: tuple[str, ...] = ()
    across: str = SUM


def _count(about: str, *labels: str) -> Metric:
    return Metric(COUNTER, about, labels)


def _times(about: str, *labels: str) -> Metric:
    return Metric(HISTOGRAM, about, labels)


def _gauge(about: str, across: str, *labels: str) -> Metric:
    return Metric(GAUGE, about, labels, across)


# The name at /metrics has endcap_ before it. Times are seconds, sizes bytes.
METRICS: dict[str, Metric] = {
    # Requests
    "requests_total": _count("Requests answered", "route", "status"),
    "request_seconds": _times("From the first look at a request to its answer sent", "route"),
    "requests_in_flight": _gauge("Requests begun and not answered yet", SUM),
    "refusals_total": _count("Requests turned away by keys, scopes, rates or origins", "code"),
    # Answers
    "answers_total": _count("Lists answered, by how they were made", "surface", "strategy"),
    "fallbacks_total": _count("Stages that failed or were late while an answer was made",
                              "stage", "reason"),
    "stage_seconds": _times("Time in each stage of an answer, of one answer in 64", "stage"),
    "vector_lookups_total": _count(
        "Questions for what is near an item: answered by PostgreSQL, or why the model answered",
        "outcome",
    ),
    "vector_lookup_seconds": _times("A question to PostgreSQL for what is near an item"),
    "ranker_calls_total": _count(
        "Questions to the ranker's endpoint: answered, or why the trees of this process answered",
        "outcome",
    ),
    "ranker_call_seconds": _times("A question to the ranker's endpoint"),
    "campaign_calls_total": _count(
        "Questions to a campaign of Amazon Personalize: answered, or why not", "outcome"
    ),
    "campaign_call_seconds": _times("A question to a campaign"),
    "campaign_items_total": _count("Items of lists that were compared with a campaign's"),
    "campaign_items_shared_total": _count("Of these, items that both lists hold"),
    "submissions_total": _count("Submissions answered, by where the probabilities came from",
                                "probability"),
    "InsertSuccess": _count("Customer preferences stored"),
    "InsertError": _count("Customer preferences that could not be stored"),
    # Streams
    "stream_records_total": _count("Records of a stream, by what came of them", "result"),
    "stream_latency_seconds": _times("From the arrival of a batch's first record in the stream to "
                                     "its answer in the lake"),
    # Dependencies
    "dependency_retries_total": _count(
        "Calls of a store that were tried again, and why", "dependency", "reason"
    ),
    "breaker_opened_total": _count(
        "Times that a store failed so often that it was left alone for a while", "dependency"
    ),
    "breaker_refusals_total": _count("Calls refused while a store was left alone", "dependency"),
    # Intake and log
    "intake_waiting_requests": _gauge("Requests that wait for the disk", SUM),
    "intake_waiting_bytes": _gauge("Bytes of bodies that wait for the disk", SUM),
    "intake_refused_total": _count("Requests refused because too many waited for the disk"),
    "intake_commit_seconds": _times("Writing one group of requests into the log, without sync"),
    "intake_sync_seconds": _times("Bringing what was written to the disk"),
    "log_sync_failures_total": _count("Syncs of the log that failed: their requests got 503"),
    "erasures_deferred_total": _count(
        "Erasures that a store could not carry out at once: the purge tries again", "place", "code"
    ),
    "rows_purged_total": _count("Rows of erased users that the files of the lake lost"),
    "records_skipped_total": _count("Records of the log that a process could not apply"),
    "log_end_bytes": _gauge("Where the log ends", MOST),
    # Freshness
    "applied_offset_bytes": _gauge("Up to where a process has applied the log", EACH),
    "log_lag_bytes": _gauge("Log that a worker has not applied yet", EACH),
    "log_lag_seconds": _gauge("For how long a worker has not been at the end of the log", EACH),
    "newest_event_age_seconds": _gauge("Age of the newest event that any process has applied",
                                       MOST),
    # Keeper, lake, snapshot
    "keeper_lag_bytes": _gauge("Log that is not in the lake and the snapshot yet", MOST),
    "log_tail_bytes": _gauge("The same as the keeper saw it in its last round", MOST),
    "keeper_rounds_total": _count("Rounds of the keeper", "outcome"),
    "keeper_round_seconds": _times("Time of a round of the keeper"),
    "snapshot_age_seconds": _gauge("Age of the snapshot in force", MOST),
    "dead_letters_total": _count("Records set aside because they could not be stored"),
    # Models
    "model_served": _gauge("1 for the version that a worker serves", EACH, "version"),
    "model_age_seconds": _gauge("Age of the version that the campaign names", MOST),
    "load_failures_total": _count("Models and snapshots that could not be loaded", "code"),
    # Processes
    "process_starts_total": _count("Starts of each process, the first one too", "process"),
    "process_sign_age_seconds": _gauge("For how long a process has given no sign of life", EACH),
    "process_cpu_seconds": _gauge("Processor time of a process since its start", EACH),
    "process_resident_bytes": _gauge("Memory of a process, with what it shares", EACH),
    "process_open_files": _gauge("Open files and sockets of a process", EACH),
}  # fmt: skip

# What processes write for others to work out a metric from: not shown. Times are s since 1970.
RAW = ("sign_timestamp_seconds", "caught_up_timestamp_seconds", "newest_event_timestamp_seconds")

# What the supervisor writes down each minute, for ``endcap doctor`` to say what happened lately.
RECENT = (
    "requests_total", "request_seconds", "answers_total", "fallbacks_total", "refusals_total",
    "intake_refused_total", "log_sync_failures_total", "keeper_rounds_total",
    "process_starts_total", "load_failures_total",
)  # fmt: skip

# What of it is a metric of a function of AWS Lambda too, summed over its labels. Ages are told once
# in a minute by each instance of a function that answers.
IN_FUNCTIONS = (
    "requests_total", "request_seconds", "refusals_total", "answers_total", "fallbacks_total",
    "vector_lookups_total", "ranker_calls_total", "campaign_calls_total",
    "campaign_call_seconds", "campaign_items_total", "campaign_items_shared_total",
    "submissions_total", "InsertSuccess", "InsertError", "stream_records_total",
    "dependency_retries_total", "breaker_opened_total",
    "breaker_refusals_total", "erasures_deferred_total", "records_skipped_total",
    "load_failures_total", "newest_event_age_seconds", "snapshot_age_seconds",
    "model_age_seconds",
)  # fmt: skip
