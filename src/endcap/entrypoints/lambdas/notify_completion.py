"""``NotifyCompletion``: the one message of a run, to whom ENDCAP_SENDER names.

Handler: ``endcap.entrypoints.lambdas.notify_completion.handler``. A distributed fan-out is asked
for its counts. Where documents lie in DynamoDB, a run that ends the same way again is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import settings, tell

if TYPE_CHECKING:
    from endcap.ports import Message

TOLD = "run_told"


@observed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    from endcap.app.notices import notice

    whole = dict(event["facts"])
    for name, given in whole.items():
        if isinstance(given, Mapping) and "MapRunArn" in given:
            whole[name] = counts_of(str(given["MapRunArn"]))
    message = notice(str(event["pipeline"]), event["plan"], str(event["run_id"]), whole)
    if not settings().documents:
        return send(message)
    from endcap.adapters.dynamodb_once import once
    from endcap.adapters.dynamodb_tables import read_names

    names = read_names(settings().documents, settings().group, settings().tables)
    key = {name: message.attributes[name] for name in ("pipeline", "runId", "status")}
    return once(names, TOLD, key, lambda: send(message), context)


def send(message: Message) -> dict[str, Any]:
    from endcap.bootstrap.senders import sender_of

    sent = sender_of(settings(), settings().group).send(message)
    status = message.attributes["status"]
    tell("told", {"runs": 1, "failures": int(message.attributes["failures"])}, status=status)
    return {"sent": sent, "status": status}


def counts_of(map_run: str) -> dict[str, int]:
    """What became of the members of a distributed fan-out."""
    from endcap.adapters.step_functions import outcomes

    return outcomes(map_run)
