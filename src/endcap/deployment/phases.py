"""The phases of a deployment: what each needs, and which stand after a change."""

from __future__ import annotations

from collections.abc import Collection

from endcap.domain.errors import Conflict, InvalidInput

# phase → what must stand for it, in the order in which they are made
NEEDS: dict[str, tuple[str, ...]] = {
    "core": (),
    "pipeline": ("core",),
    "application": ("core",),
    "web": ("core", "application"),
    "etl": ("core",),
    "vector-db": ("core",),
    "streaming-inference": ("core",),
}
FIRST = ("core", "pipeline", "application", "web")  # what a deployment makes unless told otherwise
WITH_PACKAGE = ("pipeline", "application", "streaming-inference")
WITH_IMAGE = ("pipeline",)
WITH_GLUE = ("etl",)


def after(standing: Collection[str], chosen: Collection[str]) -> list[str]:
    """The phases that stand once ``chosen`` are added to those ``standing``; none chosen: those
    that stand, or the first ones. Raises InvalidInput (phase_needs)."""
    wanted = {*standing, *chosen} or set(FIRST)
    for phase in wanted:
        if missing := [need for need in NEEDS[phase] if need not in wanted]:
            more = " ".join(f"--phase {need}" for need in missing)
            raise InvalidInput("phase_needs", field=phase, value=", ".join(missing), more=more)
    return ordered(wanted)


def without(standing: Collection[str], gone: Collection[str]) -> list[str]:
    """The phases that stand once ``gone`` are taken away. Raises Conflict (phase_needed) where
    another stands on one, InvalidInput (phase_absent) where one does not stand."""
    for phase in gone:
        if phase not in standing:
            raise InvalidInput("phase_absent", field=phase, permitted=", ".join(ordered(standing)))
    kept = [phase for phase in ordered(standing) if phase not in gone]
    for phase in kept:
        if lost := [need for need in NEEDS[phase] if need in gone]:
            raise Conflict("phase_needed", field=lost[0], value=phase)
    return kept


def ordered(phases: Collection[str]) -> list[str]:
    """As they are made, one after another."""
    return [phase for phase in NEEDS if phase in phases]
