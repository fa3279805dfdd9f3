"""Reading and writing resources, typed, by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
from msgspec.structs import replace as changed

from endcap.control.registry.arns import Place, arn_of, parse
from endcap.control.registry.resource import Resource, Work
from endcap.domain.errors import Conflict, InvalidInput, NotFound
from endcap.ports import Documents

R = TypeVar("R", bound=Resource)


# What of a kind is there beside what was written: see ``Registry``.
Standing = Callable[["Registry", type[Resource], str], Iterable[Resource]]


def nothing_stands(_registry: Registry, _shape: type[Resource], _key: str) -> Iterable[Resource]:
    return ()


@dataclass(frozen=True)
class Registry:
    """All resources of one region and account. ``draw`` gives that many random hex digits.
    ``standing``: (registry, shape, key, "" for all) → resources that nobody wrote here, which can
    be read and not changed; what was written goes before them."""

    documents: Documents
    place: Place
    draw: Callable[[int], str]
    standing: Standing = nothing_stands

    def elsewhere(self, place: Place) -> Registry:
        return replace(self, place=place)

    def arn(self, kind: str, key: str) -> str:
        return arn_of(self.place, kind, key)

    def get(self, shape: type[R], arn: str) -> R | None:
        """None where there is none of that kind, region and account."""
        found = self.written(shape, arn)
        if found is not None:
            return found
        at = parse(arn)
        if (at.kind, at.place) != (shape.KIND, self.place):
            return None
        return next((r for r in self._standing(shape, at.key) if r.key == at.key), None)

    def written(self, shape: type[R], arn: str) -> R | None:
        """As ``get``, of those alone that were made here and can be changed."""
        at = parse(arn)
        if (at.kind, at.place) != (shape.KIND, self.place):
            return None
        document = self.documents.get(shape.KIND, self._key(at.key))
        return None if document is None else msgspec.convert(document.body, shape)

    def wrote(self, resource: Resource) -> bool:
        return self.written(type(resource), resource.arn) is not None

    def find(self, shape: type[R], arn: str, field: str = "arn") -> R:
        """Raises NotFound (no_resource), InvalidInput (bad_arn, arn_of_other_kind)."""
        kind = parse(arn, field).kind
        if kind != shape.KIND:
            raise InvalidInput("arn_of_other_kind", field=field, value=arn, permitted=shape.KIND)
        found = self.get(shape, arn)
        if found is None:
            raise NotFound("no_resource", field=field, value=arn, kind=shape.KIND)
        return found

    def create(self, resource: Resource) -> None:
        """Raises Conflict (resource_exists)."""
        taken = Conflict("resource_exists", field="name", value=resource.name, kind=resource.KIND)
        if self.get(type(resource), resource.arn) is not None:
            raise taken
        try:
            self.documents.put(resource.KIND, self._key(resource.key), _body(resource), expected=0)
        except Conflict:
            raise taken from None

    def change(self, shape: type[R], arn: str, change: Callable[[R], R]) -> R:
        """Write ``change(newest)``, again when somebody else was quicker; what was written.
        ``change`` may raise. Raises NotFound (no_resource), InvalidInput (made_elsewhere)."""
        key = self._key(parse(arn).key)
        while True:
            document = self.documents.get(shape.KIND, key)
            if document is None:
                if self.get(shape, arn) is not None:
                    raise InvalidInput("made_elsewhere", field="arn", value=arn, kind=shape.KIND)
                raise NotFound("no_resource", field="arn", value=arn, kind=shape.KIND)
            before = msgspec.convert(document.body, shape)
            new = change(before)
            if new == before:
                return new
            try:
                self.documents.put(shape.KIND, key, _body(new), expected=document.version)
            except Conflict:
                continue
            return new

    def move(self, shape: type[R], arn: str, at: int, status: str, reason: str = "") -> R:
        """To another status."""
        return self.change(
            shape,
            arn,
            lambda now: changed(now, status=status, failure_reason=reason, updated_at=at),
        )

    def remove(self, resource: Resource) -> bool:
        return self.documents.delete(resource.KIND, self._key(resource.key))

    def all(self, shape: type[R], prefix: str = "") -> Iterator[R]:
        """In order of key, then those that were not written here; ``prefix``: of the key."""
        after, begins, written = "", self._key(prefix), set()
        while page := self.documents.query(shape.KIND, begins, after, limit=500):
            for document in page:
                resource = msgspec.convert(document.body, shape)
                written.add(resource.arn)
                yield resource
            after = page[-1].key
        for other in self._standing(shape, prefix if prefix.endswith("/") else ""):
            if other.arn not in written and other.key.startswith(prefix):
                yield other

    def _standing(self, shape: type[R], key: str = "") -> Iterator[R]:
        return (r for r in self.standing(self, shape, key) if isinstance(r, shape))

    # Work: what jobs do for resources. It is of all regions.

    def ask(self, work: Work) -> None:
        """Ask for work, in place of what was asked for before. A job that is at that stays named:
        it has to end first."""
        self.change_work(work.arn, lambda now: changed(work, job=now.job if now else ""))

    def works(self) -> list[Work]:
        """What is asked for, oldest first."""
        found = self.documents.query(Work.KIND, limit=1000)
        works = [msgspec.convert(document.body, Work) for document in found]
        return sorted(works, key=lambda work: (work.asked_at, work.arn))

    def work(self, arn: str) -> Work | None:
        document = self.documents.get(Work.KIND, arn)
        return None if document is None else msgspec.convert(document.body, Work)

    def done(self, work: Work) -> None:
        """Nothing happens where something else was asked for meanwhile."""
        self.change_work(work.arn, lambda now: None if now and work.same_as(now) else now)

    def change_work(self, arn: str, change: Callable[[Work | None], Work | None]) -> Work | None:
        """As ``change``; None: no work is asked for."""
        while True:
            document = self.documents.get(Work.KIND, arn)
            before = None if document is None else msgspec.convert(document.body, Work)
            version = document.version if document else 0
            new = change(before)
            if new == before:
                return new
            try:
                if new is None:
                    self.documents.delete(Work.KIND, arn, expected=version)
                else:
                    self.documents.put(Work.KIND, arn, msgspec.to_builtins(new), expected=version)
            except Conflict:
                continue
            return new

    def _key(self, key: str) -> str:
        return f"{self.place.account}/{self.place.region}/{key}"


def _body(resource: Resource) -> dict[str, object]:
    body: dict[str, object] = msgspec.to_builtins(resource)
    return body
