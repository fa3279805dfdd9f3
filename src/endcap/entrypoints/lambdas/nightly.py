"""``Nightly``: one step of the nightly pipeline, for small shops whose every step fits a function.

Handler: ``endcap.entrypoints.lambdas.nightly.handler``. The event names the ``step`` and holds the
facts that it needs; the answer is what the step gives. It needs all that training needs, so a
container image, and a disk with room for the shop's lake; what lies there is not looked for by the
next step, which may run on another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import now_us, settings, tell


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    """Raises InvalidInput (unknown_step), and what the step raises."""
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings())
    from endcap.bootstrap.pipelines import PIPELINES, import_files, open_nightly

    shop = open_shop(settings())
    work = open_nightly(shop, now_us, lambda _stage, _share: None, import_files)
    steps = {step.name: step for step in PIPELINES["nightly"].bound(work)}
    name = str(event.get("step"))
    if name not in steps:
        raise InvalidInput("unknown_step", field="step", value=name, permitted=", ".join(steps))
    given = dict(steps[name].run(event))
    tell("step done", {"steps": 1, **counted(name, event, given)}, step=name)
    return given


def counted(step: str, asked: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, float]:
    """What of a step's facts is a metric."""
    if step == "evaluate" and "drift" in given["metrics"]:
        return {"drift": given["metrics"]["drift"]}
    if step == "gate" and asked["due"]:
        return {"promoted" if given["promoted"] else "refused": 1}
    if step == "store":
        return {"stored": given["stored"]}
    return {}
