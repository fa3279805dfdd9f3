"""``Sender`` through a topic of Amazon SNS. Needs the extra ``endcap[aws]``."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.domain.records import digest
from endcap.ports import Message

MOST_SUBJECT = 100  # characters, as SNS has it
FIFO = ".fifo"
_REFUSED = ("InvalidParameter", "InvalidParameterException", "InvalidParameterValue",
            "ValidationError")  # fmt: skip


class SnsSender:
    """See ``ports.Sender``. A topic whose name ends in .fifo drops repeats of five minutes."""

    def __init__(self, topic_arn: str, sns: Any = None) -> None:
        self._topic_arn, self._sns = topic_arn, sns

    def send(self, message: Message) -> str:
        given = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in message.attributes.items()
            if value
        }
        once: dict[str, str] = {}
        if self._topic_arn.endswith(FIFO):
            body = f"{message.subject}\n{message.text}\n{sorted(message.attributes.items())}"
            once = {"MessageGroupId": "endcap", "MessageDeduplicationId": digest(body).hex()}
        sns = self._sns or client("sns")
        try:
            answer = sns.publish(
                TopicArn=self._topic_arn,
                Subject=message.subject[:MOST_SUBJECT],
                Message=message.text,
                MessageAttributes=given,
                **once,
            )
        except (ClientError, BotoCoreError) as error:
            raise self._failure(code_of(error)) from error
        return str(answer["MessageId"])

    def _failure(self, code: str) -> EndcapError:
        if code in ("NotFound", "NotFoundException"):
            return NotFound("unknown_receiver", field=self._topic_arn)
        if code in DENIED:
            return Forbidden("sender_denied", field=self._topic_arn, reason=code)
        if code in _REFUSED:
            return InvalidInput("message_refused", field=self._topic_arn, reason=code)
        return Unavailable("message_not_sent", field=self._topic_arn, reason=code)
