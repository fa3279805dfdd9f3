"""The contract of the port Sender. A new adapter is one more line in ``SENDERS``: how to open it,
and how to see what its receiver got."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from endcap.adapters.log_sender import LogSender
from endcap.adapters.ses import SesSender
from endcap.adapters.sns import SnsSender
from endcap.adapters.webhook import Webhook
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.ports import Message, Sender

MESSAGE = Message("Endcap: naïve 日本", "stored: 3\nbad: 1", {"runId": "r1", "status": "done"})


class Receiver:
    """An HTTP server that keeps what is posted and answers as ``statuses`` say, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.statuses: list[int] = []
        receiver = self

        class Posts(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["Idempotency-Key"], json.loads(body)))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Posts)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Opened(NamedTuple):
    """``heard``: the texts and attributes that arrived, in order, as one text each."""

    sender: Sender
    heard: Callable[[], list[str]]


def log(request: pytest.FixtureRequest, folder: Path) -> Opened:
    path = folder / "messages.jsonl"
    return Opened(
        LogSender(path),
        lambda: [str(json.loads(line)) for line in path.read_text("utf-8").splitlines()],
    )


def webhook(request: pytest.FixtureRequest, folder: Path) -> Opened:
    receiver: Receiver = request.getfixturevalue("receiver")
    return Opened(Webhook(receiver.url), lambda: [str(body) for _, body in receiver.got])


def log_and_webhook(request: pytest.FixtureRequest, folder: Path) -> Opened:
    hook = webhook(request, folder)
    return Opened(LogSender(folder / "messages.jsonl", hook.sender), hook.heard)


def sns(request: pytest.FixtureRequest, folder: Path) -> Opened:
    """A queue that is subscribed to the topic hears what people would."""
    aws: Any = request.getfixturevalue("aws")
    topic = aws.client("sns").create_topic(Name=aws.name("runs"))["TopicArn"]
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=aws.name("runs"))["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = wanted["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def heard() -> list[str]:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [str(json.loads(one["Body"])) for one in got]

    return Opened(SnsSender(topic, aws.client("sns")), heard)


def ses(request: pytest.FixtureRequest, folder: Path) -> Opened:
    aws: Any = request.getfixturevalue("aws")
    client, sender = aws.client("ses"), f"{aws.name('shop')}@shop.example"
    client.verify_email_identity(EmailAddress=sender)
    return Opened(SesSender(sender, ["people@shop.example"], client), lambda: aws.mails(sender))


SENDERS = {
    "log": pytest.param(log),
    "webhook": pytest.param(webhook),
    "log and webhook": pytest.param(log_and_webhook),
    "sns": pytest.param(sns, marks=pytest.mark.server),
    "ses": pytest.param(ses, marks=pytest.mark.server),
}


@pytest.fixture(params=SENDERS.values(), ids=SENDERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    return request.param(request, tmp_path)


def test_a_message_arrives_once_with_all_that_it_says(opened: Opened) -> None:
    assert opened.sender.send(MESSAGE)
    (heard,) = opened.heard()
    for text in ("stored: 3", "r1", "status", "done"):
        assert text in heard


def test_each_message_arrives(opened: Opened) -> None:
    names = {opened.sender.send(Message("s", f"text {n}", {"runId": str(n)})) for n in range(3)}
    assert len(names) == 3
    heard = " ".join(opened.heard())
    assert all(f"text {n}" in heard for n in range(3))


def told(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "people@shop.example"}}, "Send")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(told("AccessDenied"), Forbidden), (told("NotFound"), NotFound),
     (told("InvalidParameterValue"), InvalidInput), (told("Throttling"), Unavailable),
     (ConnectTimeoutError(endpoint_url="x"), Unavailable)],
)  # fmt: skip
def test_what_aws_refuses_is_said_in_our_words(
    error: Exception, kind: type[EndcapError], refusing: Any
) -> None:
    with pytest.raises(kind) as raised:
        SnsSender("arn:aws:sns:us-east-1:1:t", refusing(error)).send(MESSAGE)
    assert "people@" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "kind"), [("MessageRejected", NotFound), ("Throttling", Unavailable),
                       ("AccessDenied", Forbidden), ("ValidationError", InvalidInput)],
)  # fmt: skip
def test_errors_of_mail_name_no_address(code: str, kind: type[EndcapError], refusing: Any) -> None:
    with pytest.raises(kind) as raised:
        SesSender("shop@shop.example", ["p@shop.example"], refusing(told(code))).send(MESSAGE)
    assert "@" not in str(raised.value)


@pytest.mark.server
def test_a_topic_that_drops_repeats_hears_a_repeat_once(aws: Any) -> None:
    client = aws.client("sns")
    topic = client.create_topic(Name=aws.name("runs") + ".fifo", Attributes={"FifoTopic": "true"})[
        "TopicArn"
    ]
    asked: list[dict[str, Any]] = []

    class Noting:
        def publish(self, **given: Any) -> Any:
            asked.append(given)
            return client.publish(**given)

    sender = SnsSender(topic, Noting())
    sender.send(MESSAGE)
    sender.send(MESSAGE)
    sender.send(Message("other", "text"))
    keys = [given["MessageDeduplicationId"] for given in asked]
    assert keys[0] == keys[1] != keys[2]


def test_a_webhook_is_tried_again_under_the_same_key(receiver: Receiver) -> None:
    receiver.statuses = [503, 429]
    pauses: list[float] = []
    Webhook(receiver.url, pause=pauses.append).send(MESSAGE)
    assert len(pauses) == 2
    assert len({key for key, _ in receiver.got}) == 1
    assert receiver.got[2][1]["subject"] == MESSAGE.subject


@pytest.mark.parametrize(
    ("statuses", "kind", "calls"),
    [([403], Forbidden, 1), ([404], NotFound, 1), ([400], InvalidInput, 1),
     ([302], InvalidInput, 1), ([500] * 4, Unavailable, 4)],
)  # fmt: skip
def test_what_a_webhook_refuses(
    receiver: Receiver, statuses: list[int], kind: type[EndcapError], calls: int
) -> None:
    receiver.statuses = list(statuses)
    with pytest.raises(kind) as raised:
        Webhook(receiver.url, pause=lambda _: None).send(MESSAGE)
    assert len(receiver.got) == calls
    assert "secret" not in str(raised.value)


def test_a_webhook_that_nobody_answers_is_given_up() -> None:
    with pytest.raises(Unavailable) as raised:
        Webhook("http://127.0.0.1:9/secret", pause=lambda _: None).send(MESSAGE)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://shop.example/x", "ftp://127.0.0.1/x", "https:///x", "x"])
def test_webhooks_are_https_or_of_this_machine(url: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Webhook(url)
    assert raised.value.code == "message_refused"


def test_the_file_of_messages_stays_small(tmp_path: Path) -> None:
    sender = LogSender(tmp_path / "messages.jsonl")
    for _ in range(5):
        sender.send(Message("s", "x" * 400_000))
    assert {path.name for path in tmp_path.iterdir()} == {"messages.jsonl", "messages.1.jsonl"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_500_000
