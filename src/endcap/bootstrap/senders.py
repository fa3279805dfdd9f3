"""Who is told of each run: what ENDCAP_SENDER names."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from endcap.adapters.remote_files import need_aws
from endcap.bootstrap.places import make
from endcap.control.dataset_groups import folder
from endcap.ports import Sender
from endcap.settings import Settings


def sender_of(settings: Settings, group: str) -> Sender:
    """On a laptop messages go to a file of the shop, and to a webhook where one is named; on AWS
    to a topic of SNS or by SES. Raises InvalidInput (aws_extra_missing, aws_not_configured)."""
    named = str(settings.sender)
    if named.startswith("sns://"):
        need_aws("ENDCAP_SENDER")
        from endcap.adapters.sns import SnsSender

        return SnsSender(named.removeprefix("sns://"))
    if named.startswith("ses://"):
        need_aws("ENDCAP_SENDER")
        from endcap.adapters.ses import SesSender

        parts = urlsplit(named)
        return SesSender(parts.netloc, parse_qs(parts.query)["to"][0].split(","))
    from endcap.adapters.log_sender import LogSender

    path = make(folder(settings.home, group)) / "messages.jsonl"
    if named == "log":
        return LogSender(path)
    from endcap.adapters.webhook import Webhook

    return LogSender(path, Webhook(named))
