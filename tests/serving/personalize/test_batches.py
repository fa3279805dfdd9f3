"""Batch jobs: files of questions into files of answers, over the checkerboard shop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.app import batch_jobs
from endcap.control.registry.resource import CREATE, Work

ROLE = "arn:aws:iam::123456789012:role/any"
SOURCE = "personal"


class Batches:
    """A world with a trained version of each kind, and a folder for files."""

    def __init__(self, world: Any, folder: Path, do_work: Callable[[Any], None]) -> None:
        self.world, self.folder, self._do_work = world, folder, do_work
        self.count = 0
        world.group("store")
        world.datasets("store", world.schemas)
        for name, recipe in {
            "personal": "aws-user-personalization", "related": "aws-similar-items",
            "ranking": "aws-personalized-ranking", "item": "aws-item-affinity",
            "attribute": "aws-item-attribute-affinity",
        }.items():  # fmt: skip
            world.version(name, "store", recipe)

    def asked(self, word: str, *lines: Any, **more: Any) -> str:
        """The ARN of a job that nobody has begun; ``lines``: objects, or text as it is."""
        self.count += 1
        name = f"{word}-{self.count}"
        path = self.folder / f"{name}.json"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n")
        kind = "segment" if word in ("item", "attribute") else "inference"
        make = getattr(self.world.control, f"create_batch_{kind}_job")
        told = make(
            jobName=name, solutionVersionArn=self.world.arns[f"{word} version"], roleArn=ROLE,
            jobInput={"s3DataSource": {"path": path.as_uri()}},
            jobOutput={"s3DataDestination": {"path": (self.folder / "out").as_uri() + "/"}},
            **more,
        )  # fmt: skip
        return str(told[f"batch{kind.title()}JobArn"])

    def status(self, arn: str) -> dict[str, Any]:
        kind = "segment" if "segment" in arn else "inference"
        describe = getattr(self.world.control, f"describe_batch_{kind}_job")
        (told,) = (
            v
            for k, v in describe(**{f"batch{kind.title()}JobArn": arn}).items()
            if k != "ResponseMetadata"
        )
        return dict(told)

    def work(self) -> None:
        self._do_work(self.world.wire)

    def answers(self, arn: str) -> list[dict[str, Any]]:
        name = self.status(arn)["jobName"]
        text = (self.folder / "out" / f"{name}.json.out").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def run(self, word: str, *lines: Any, **more: Any) -> list[dict[str, Any]]:
        arn = self.asked(word, *lines, **more)
        self.work()
        told = self.status(arn)
        assert told["status"] == "ACTIVE", told
        return self.answers(arn)


@pytest.fixture
def batches(
    make_wire: Callable[..., Any],
    make_world: Callable[..., Any],
    do_work: Callable[[Any], None],
    board: Any,
    tmp_path: Path,
) -> Batches:
    folder = tmp_path / "files"
    folder.mkdir()
    wire = make_wire(None, home=board.home, import_roots=str(folder), describe_wait_s=0)
    return Batches(make_world(wire), folder, do_work)


def test_each_user_gets_what_the_campaign_answers(batches: Batches) -> None:
    found = batches.run("personal", {"userId": "s0"}, {"userId": "nobody"}, numResults=5)
    assert [line["input"] for line in found] == [{"userId": "s0"}, {"userId": "nobody"}]
    for line in found:
        assert line["error"] is None
        items, scores = line["output"]["recommendedItems"], line["output"]["scores"]
        assert len(items) == len(scores) == 5
        asked = batches.world.runtime.get_recommendations(
            campaignArn=batches.world.arns["personal campaign"], numResults=5, **line["input"]
        )["itemList"]
        assert [item["itemId"] for item in asked] == items
        assert [item["score"] for item in asked] == pytest.approx(scores)


def test_related_items_and_lists_in_order(batches: Batches) -> None:
    (related,) = batches.run("related", {"itemId": "black-3"})
    assert "black-3" not in related["output"]["recommendedItems"]
    assert "scores" not in related["output"]
    given = ["white-3", "black-3", "unknown"]
    (ranked,) = batches.run("ranking", {"userId": "s0", "itemList": given})
    assert ranked["output"]["recommendedItems"] == ["black-3", "white-3", "unknown"]
    assert sum(ranked["output"]["scores"]) == pytest.approx(1)


def test_a_line_brings_the_values_of_the_filter(batches: Batches) -> None:
    made = batches.world.control.create_filter(
        name="f", datasetGroupArn=batches.world.arns["store"],
        filterExpression="INCLUDE ItemID WHERE Items.DEPARTMENT IN ($COLOUR)",
    )["filterArn"]  # fmt: skip
    lines = [
        {"userId": "s0", "filterValues": {"COLOUR": '"white"'}},
        {"userId": "s0", "filterValues": {"COLOUR": '"black"'}},
        {"userId": "s0"},
    ]
    white, black, none = batches.run("personal", *lines, filterArn=made)
    assert all(item.startswith("white") for item in white["output"]["recommendedItems"])
    assert all(item.startswith("black") for item in black["output"]["recommendedItems"])
    assert none["output"] is None
    assert "COLOUR" in none["error"]


def test_segments_are_those_who_like_the_item(batches: Batches) -> None:
    found = batches.run("item", {"itemId": "black-3"}, {"itemId": "unknown"}, numResults=4)
    users = found[0]["output"]["recommendedUsers"]
    assert len(users) == 4
    assert all(int(user[1:]) % 2 == 0 for user in users)  # even shoppers like black
    assert found[1]["output"] is None
    assert "unknown" in found[1]["error"]
    (attributes,) = batches.run(
        "attribute", {"itemAttributes": 'ITEMS.DEPARTMENT = "white"'}, numResults=4
    )
    assert attributes["itemAttributes"] == 'ITEMS.DEPARTMENT = "white"'
    assert all(int(user[1:]) % 2 == 1 for user in attributes["output"]["recommendedUsers"])


def test_a_bad_line_is_told_in_its_place(batches: Batches) -> None:
    lines = ["no json", "[1]", {"userId": ["a"]}, {}, "", {"userId": "s0"}]
    arn = batches.asked("personal", *lines)
    batches.work()
    found = batches.answers(arn)
    assert [line["error"] is None for line in found] == [False, False, False, False, True]
    assert found[0]["input"] == "no json"
    assert "line 1" in found[0]["error"]
    assert batches.status(arn)["status"] == "ACTIVE"


def test_files_outside_the_roots_are_not_read(batches: Batches, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"userId": "s0"}\n')
    arn = batches.asked("personal", {"userId": "s0"})
    link = batches.folder / "personal-1.json"
    link.unlink()
    link.symlink_to(tmp_path / "secret.json")
    batches.work()
    told = batches.status(arn)
    assert told["status"] == "CREATE FAILED"
    assert "ENDCAP_IMPORT_ROOTS" in told["failureReason"]


def test_a_job_that_was_killed_goes_on_where_it_was(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line is answered once, whatever was written when it ended."""
    users = [{"userId": f"s{n % 40}"} for n in range(50)]
    whole = batches.run("personal", *users)
    arn = batches.asked("personal", *users)
    monkeypatch.setattr(batch_jobs, "LINES_AT_ONCE", 7)
    answer, calls = batch_jobs.answer_lines, 0

    def killed(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return answer(*given)

    monkeypatch.setattr(batch_jobs, "answer_lines", killed)
    with pytest.raises(KeyboardInterrupt):
        batches.work()
    assert batches.status(arn)["status"] == "CREATE IN_PROGRESS"
    assert not list((batches.folder / "out").glob("personal-2*"))  # nothing half-made is seen
    registry = batches.world.registry
    registry.ask(Work(arn, CREATE, 1))
    (staged,) = registry_folder(batches).glob("batch-*/*.out")
    with staged.open("ab") as file:
        file.write(b'{"input":{"userId"')  # torn
    batches.work()
    assert batches.answers(arn) == whole
    assert calls == 3 + 1 + 5  # 21 of the 50 lines were there


def registry_folder(batches: Batches) -> Path:
    return Path(batches.world.wire.settings.home) / "groups" / "default" / "lake" / "staging"
