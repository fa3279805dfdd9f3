"""What ``endcap versions`` prints of the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from endcap.cli.versions import facts
from endcap.control.solution_versions import SolutionVersion
from endcap.evaluation.results import REFUSED, Rival, Verdict


def test_all_that_is_known_is_told() -> None:
    rival = Rival("v0001", 0.1, 0.2, -0.1, -0.2, 0.0, "no loss", False)
    trained = {"by": "sagemaker", "data": {"x": {"files": 2}}}
    version = SolutionVersion(
        "v0002", 1_750_000_000_000_000, "active",
        lineage={"seed": 3, "parent": "", "trained": trained},
        metrics={"ndcg@20": 0.12345},
        info={"ranker": {"status": "skipped", "reason": "too few"}},
        gate=Verdict(REFUSED, "worse", "ndcg@20", 200, (rival,)),
    )  # fmt: skip
    assert list(facts(version, serves=True)) == [
        ("status", "active, serves"),
        ("made (UTC)", "2025-06-15 15:06"),
        ("seed", "3"),
        ("trained.by", "sagemaker"),
        ("trained.data.x.files", "2"),
        ("ndcg@20", "0.1235"),
        ("ranker", "too few"),
        ("gate", "refused (by v0001)"),
    ]
    failed = SolutionVersion("v0003", 0, "failed", reason="the disk is full")
    assert ("reason", "the disk is full") in list(facts(failed, serves=False))


def test_an_empty_registry_and_an_unknown_version(
    endcap: Callable[..., Any], tmp_path: Path
) -> None:
    assert "no model version yet" in endcap("versions").stdout
    told = endcap("versions", "show", "v0001", check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert "'v0001' is not a model version" in told.stderr
    nothing = endcap("versions", "register", str(tmp_path / "nothing.tar.gz"), check=False)
    assert nothing.returncode == 2
    assert "there is no file" in nothing.stderr
    forced = endcap("versions", "register", "x", "--force", check=False)
    assert "--force needs --reason" in forced.stderr
