"""``Sender`` by e-mail through Amazon SES. Needs the extra ``endcap[aws]``. Errors name no
address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.ports import Message

PLACE = "the e-mail service"
_UNKNOWN = ("MailFromDomainNotVerifiedException", "MessageRejected", "NotFoundException",
            "ConfigurationSetDoesNotExistException")  # fmt: skip
_REFUSED = ("BadRequestException", "InvalidParameterValue", "InvalidParameterCombination",
            "ValidationError", "ParamValidationError")  # fmt: skip


class SesSender:
    """See ``ports.Sender``. ``sender``: a verified address; ``to``: who is written to."""

    def __init__(self, sender: str, to: Sequence[str], ses: Any = None) -> None:
        self._sender, self._to, self._ses = sender, list(to), ses

    def send(self, message: Message) -> str:
        ses = self._ses or client("ses")
        lines = [f"{name}: {value}" for name, value in message.attributes.items()]
        text = "\n".join([message.text, "", *lines])
        try:
            answer = ses.send_email(
                Source=self._sender,
                Destination={"ToAddresses": self._to},
                Message={
                    "Subject": {"Data": message.subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise _failure(code_of(error)) from error
        return str(answer["MessageId"])


def _failure(code: str) -> EndcapError:
    if code in _UNKNOWN:
        return NotFound("unknown_receiver", field=f"{PLACE}'s verified address")
    if code in DENIED:
        return Forbidden("sender_denied", field=PLACE, reason=code)
    if code in _REFUSED:
        return InvalidInput("message_refused", field=PLACE, reason=code)
    return Unavailable("message_not_sent", field=PLACE, reason=code)
