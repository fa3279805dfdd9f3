"""``Sender`` that writes messages to a file of JSON lines and to the process's log."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from uuid import uuid4

from endcap.domain.errors import Unavailable
from endcap.domain.times import iso
from endcap.ports import Message, Sender

MOST_BYTES = 2**20  # then the file begins anew, and the one before is kept beside it

log = logging.getLogger("endcap.messages")


class LogSender:
    """See ``ports.Sender``. ``then``: who gets each message as well, after it was written."""

    def __init__(self, path: Path, then: Sender | None = None) -> None:
        self.path, self.then = path, then

    def send(self, message: Message) -> str:
        """Raises Unavailable (message_not_sent), and what ``then`` raises."""
        name = str(uuid4())
        line = {
            "id": name,
            "at": iso(time.time_ns() // 1000),
            "subject": message.subject,
            "text": message.text,
            "attributes": message.attributes,
        }
        try:
            if self.path.exists() and self.path.stat().st_size > MOST_BYTES:
                self.path.replace(self.path.with_suffix(".1.jsonl"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Unavailable("message_not_sent", field=str(self.path), reason=reason) from error
        log.info("%s", message.subject, extra={"facts": dict(message.attributes)})
        return self.then.send(message) if self.then else name
