"""Artifacts in a bucket beyond the contract: damage, other publishers, and what denies access."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from endcap.adapters import s3, s3_artifacts
from endcap.adapters.s3 import Bucket, split_url
from endcap.adapters.s3_artifacts import S3Artifacts
from endcap.domain.errors import (
    Conflict,
    Damaged,
    EndcapError,
    Forbidden,
    InvalidInput,
    NotFound,
    Unavailable,
)

pytestmark = pytest.mark.server


@pytest.fixture
def open_store(s3_url: str, tmp_path: Path) -> Callable[[str], S3Artifacts]:
    """Each name is a machine of its own."""
    return lambda name: S3Artifacts(s3_url, tmp_path / name)


def publish(store: S3Artifacts, name: str, content: bytes = b"content") -> None:
    staged = store.staging("models")
    (staged / "arrays").mkdir()
    (staged / "arrays" / "one.npy").write_bytes(content)
    store.publish("models", name, staged)


def read(store: S3Artifacts, name: str) -> bytes:
    return (store.open("models", name) / "arrays" / "one.npy").read_bytes()


@pytest.mark.parametrize("url", ["s3://", "s3://a", "http://x/y", "s3://UPPER/x", "s3:/bucket/x"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        split_url(url)
    assert (caught.value.code, caught.value.value) == ("bad_s3_url", url)


def test_another_machine_reads_what_one_published(open_store: Any) -> None:
    here, there = open_store("here"), open_store("there")
    publish(here, "v1", b"x" * 300_000)
    assert there.names("models") == ["v1"]
    assert read(there, "v1") == b"x" * 300_000
    here.delete("models", "v1")
    with pytest.raises(NotFound):
        there.open("models", "v1")
    publish(there, "v1", b"anew")
    assert read(here, "v1") == b"anew"


def test_of_many_publishers_of_a_name_one_wins_whole(open_store: Any) -> None:
    outcomes: list[str] = []

    def run(number: int) -> None:
        try:
            publish(open_store(f"machine-{number}"), "v1", b"%d" % number * 1000)
            outcomes.append(f"{number}")
        except Conflict:
            outcomes.append("")

    threads = [Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = filter(None, outcomes)
    assert len(outcomes) == 6
    assert read(open_store("reader"), "v1") == winner.encode() * 1000


def test_an_answer_that_was_lost_is_no_conflict(s3_url: str) -> None:
    bucket = Bucket(s3_url)
    assert bucket.put_new("key", b"mine")
    assert bucket.put_new("key", b"mine")  # as the SDK repeats it
    assert not bucket.put_new("key", b"another")
    assert bucket.get("key") == b"mine"


def test_a_damaged_copy_is_fetched_again_and_a_damaged_object_is_named(
    open_store: Any, s3_url: str
) -> None:
    store = open_store("here")
    publish(store, "v1")
    file = store.open("models", "v1") / "arrays" / "one.npy"
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert read(store, "v1") == b"content"
    bucket = Bucket(s3_url)
    (key,) = [found.key for found in bucket.objects("files/") if found.key.endswith("one.npy")]
    changed = bucket.client.put_object(Bucket=bucket.name, Key=bucket.full(key), Body=b"CONTENT")
    assert changed
    with pytest.raises(Damaged) as caught:
        open_store("there").open("models", "v1")
    assert caught.value.code == "artifact_damaged"
    bucket.delete([key])
    with pytest.raises(Damaged) as caught:
        open_store("there").open("models", "v1")
    assert "one.npy" in caught.value.field
    assert read(store, "v1") == b"content"  # whose copy is sound


def test_the_cache_keeps_what_was_opened_last(s3_url: str, tmp_path: Path) -> None:
    store = S3Artifacts(s3_url, tmp_path / "cache", cache_mb=0.25)
    for name in ("a", "b", "c"):
        publish(store, name, b"x" * 100_000)
    marks = sorted((tmp_path / "cache").glob("models/*/*.used"))
    assert len(marks) == 3  # all of them were opened a moment ago
    for mark in marks[:2]:
        os.utime(mark, (time.time() - 7200,) * 2)
    publish(store, "d", b"x" * 100_000)
    kept = {path.parent.name for path in (tmp_path / "cache").glob("models/*/*.used")}
    assert kept == {"c", "d"}
    assert read(store, "a") == b"x" * 100_000


def killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_uploads_that_nobody_published_go_after_a_day(
    open_store: Any, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bucket = open_store("here"), Bucket(s3_url)
    publish(store, "v1")
    monkeypatch.setattr(store._bucket, "put_new", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(store, "v1-again")
    orphans = {o.key for o in bucket.objects("files/models/v1-again/")}
    assert len(orphans) == 1
    fresh = open_store("there")
    fresh.delete("models", "none")
    assert {o.key for o in bucket.objects("files/models/v1-again/")} == orphans
    monkeypatch.setattr(s3_artifacts, "LEFTOVER_AFTER_S", -10)
    fresh.delete("models", "none")
    assert not list(bucket.objects("files/models/v1-again/"))
    assert read(fresh, "v1") == b"content"


def failures(store: S3Artifacts, staged: Path) -> list[EndcapError]:
    found: list[EndcapError] = []
    for call in (
        lambda: store.names("models"),
        lambda: store.open("models", "v1"),
        lambda: store.delete("models", "v1"),
        lambda: store.publish("models", "v9", staged),
    ):
        with pytest.raises(EndcapError) as caught:
            call()
        found.append(caught.value)
    return found


def test_a_bucket_that_is_not_there_is_named(aws: Any, s3_url: str, tmp_path: Path) -> None:
    store = S3Artifacts("s3://nobody-made-this/x", tmp_path / "cache")
    for error in failures(store, store.staging("models")):
        assert isinstance(error, NotFound)
        assert (error.code, error.value) == ("unknown_bucket", "nobody-made-this")


def test_an_endpoint_that_has_gone_is_unavailable_and_nothing_changes(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = S3Artifacts(s3_url, tmp_path / "sound")
    publish(sound, "v1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    store = S3Artifacts(s3_url, tmp_path / "cache")
    staged = store.staging("models")
    (staged / "file").write_bytes(b"kept")
    for error in failures(store, staged):
        assert isinstance(error, Unavailable)
        assert error.code == "s3_unavailable"
    assert (staged / "file").read_bytes() == b"kept"
    assert sound.names("models") == ["v1"]


def test_who_may_not_is_told_so(s3_url: str, tmp_path: Path) -> None:
    store = S3Artifacts(s3_url, tmp_path / "cache")
    publish(store, "v1")
    staged = store.staging("models")
    (staged / "file").write_bytes(b"kept")
    deny(store._bucket.client)
    for error in failures(store, staged):
        assert isinstance(error, Forbidden)
        assert error.code == "s3_denied"
        assert "AccessDenied" in str(error)
    assert (staged / "file").exists()
    assert read(S3Artifacts(s3_url, tmp_path / "other"), "v1") == b"content"


def deny(client: Any) -> None:
    """The service answers this client as one that has no right to anything."""
    from botocore.awsrequest import AWSResponse

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Any:
            return iter([b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"])

    def refuse(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, 403, {"Content-Type": "application/xml"}, Raw())

    client.meta.events.register("before-send.s3", refuse)


def test_without_credentials_the_sentence_says_so(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    store = S3Artifacts(s3_url, tmp_path / "cache")
    with pytest.raises(InvalidInput) as caught:
        store.names("models")
    assert caught.value.code == "aws_not_configured"
