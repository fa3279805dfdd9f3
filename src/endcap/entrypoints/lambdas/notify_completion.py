"""``NotifyCompletion``: the one message of a run, to whom ENDCAP_SENDER names.

Handler: ``endcap.entrypoints.lambdas.notify_completion.handler``. A distributed fan-out is asked
for its counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.entrypoints.lambdas.surroundings import settings, tell


def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    from endcap.app.notices import notice
    from endcap.bootstrap.senders import sender_of

    whole = dict(event["facts"])
    for name, given in whole.items():
        if isinstance(given, Mapping) and "MapRunArn" in given:
            whole[name] = counts_of(str(given["MapRunArn"]))
    message = notice(str(event["pipeline"]), event["plan"], str(event["run_id"]), whole)
    sent = sender_of(settings(), settings().group).send(message)
    tell("told", {"runs": 1, "failures": int(message.attributes["failures"])},
         status=message.attributes["status"])  # fmt: skip
    return {"sent": sent, "status": message.attributes["status"]}


def counts_of(map_run: str) -> dict[str, int]:
    """What became of the members of a distributed fan-out."""
    from endcap.adapters.step_functions import outcomes

    return outcomes(map_run)
