"""Tags of resources: a document for each ARN that has any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from endcap.control.registry.store import Registry
from endcap.domain.errors import Conflict, InvalidInput, TooManyTagKeys, TooManyTags

KIND = "tags"
MOST = 50
RESERVED = "aws:"


def tags_of(registry: Registry, arn: str) -> dict[str, str]:
    """In the order in which they came."""
    document = registry.documents.get(KIND, arn)
    return {} if document is None else dict(document.body["tags"])


def read_tags(given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a request brings. Raises TooManyTags (too_many_tags), InvalidInput (tag_twice,
    tag_reserved)."""
    tags: dict[str, str] = {}
    for tag in given:
        key = tag["tagKey"]
        if key in tags:
            raise InvalidInput("tag_twice", field="tags", value=key)
        if key.lower().startswith(RESERVED):
            raise InvalidInput("tag_reserved", field="tags", value=key)
        tags[key] = tag["tagValue"]
    _bounded(tags)
    return tags


def add_tags(registry: Registry, arn: str, new: Mapping[str, str]) -> None:
    """Raises TooManyTags (too_many_tags)."""
    if new:
        _change(registry, arn, new, ())


def remove_tags(registry: Registry, arn: str, keys: Collection[str]) -> None:
    """Keys that it has not are no matter. Raises TooManyTagKeys (too_many_tag_keys)."""
    if len(keys) > MOST:
        raise TooManyTagKeys("too_many_tag_keys", field="tagKeys", most=MOST, count=len(keys))
    _change(registry, arn, {}, keys)


def drop_tags(registry: Registry, arn: str) -> None:
    registry.documents.delete(KIND, arn)


def _change(registry: Registry, arn: str, new: Mapping[str, str], gone: Collection[str]) -> None:
    while True:
        document = registry.documents.get(KIND, arn)
        before = {} if document is None else document.body["tags"]
        tags = {key: value for key, value in {**before, **new}.items() if key not in gone}
        _bounded(tags)
        if tags == before:
            return
        version = 0 if document is None else document.version
        try:
            registry.documents.put(KIND, arn, {"tags": tags}, expected=version)
        except Conflict:
            continue
        return


def _bounded(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST:
        raise TooManyTags("too_many_tags", field="tags", most=MOST, count=len(tags))
