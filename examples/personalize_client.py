"""A shop through the Personalize API, from nothing to answers, by boto3 alone.

Nothing here knows of Endcap. With these variables set it talks to a server on this machine:

    export AWS_ENDPOINT_URL_PERSONALIZE=http://127.0.0.1:8000/personalize
    export AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=$AWS_ENDPOINT_URL_PERSONALIZE
    export AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=$AWS_ENDPOINT_URL_PERSONALIZE
    export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1

and reads and writes files of a folder that the server lets in (ENDCAP_IMPORT_ROOTS):

    python examples/personalize_client.py /data/shop

It makes the folder's files, if they are not there: a shop of 2,000 users and 500 items in ten
categories, 100,000 interactions. At the end it deletes all that it made, unless --keep.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import boto3

CATEGORIES = ("bakery", "dairy", "drinks", "fish", "frozen", "fruit", "household", "meat",
              "pasta", "snacks")  # fmt: skip
USERS, ITEMS, EVENTS_EACH = 2_000, 500, 50
NOW = int(time.time())
ROLE = "arn:aws:iam::123456789012:role/personalize"


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def avro(name: str, *fields: dict[str, Any]) -> str:
    namespace = "com.amazonaws.personalize.schema"
    return json.dumps(
        {"type": "record", "name": name, "namespace": namespace, "fields": fields,
         "version": "1.0"}
    )  # fmt: skip


SCHEMAS = {
    "Interactions": avro(
        "Interactions",
        field("USER_ID", "string"), field("ITEM_ID", "string"), field("TIMESTAMP", "long"),
        field("EVENT_TYPE", "string"), field("DEVICE", "string", categorical=True),
    ),
    "Items": avro(
        "Items",
        field("ITEM_ID", "string"), field("CATEGORY", "string", categorical=True),
        field("PRICE", "float"), field("NAME", ["null", "string"], textual=True),
    ),
    "Users": avro(
        "Users", field("USER_ID", "string"), field("COUNTRY", "string", categorical=True)
    ),
}  # fmt: skip


def category_of(item: int) -> str:
    return CATEGORIES[item % len(CATEGORIES)]


def write_shop(folder: Path) -> None:
    """Each user likes two categories, and looks into others one time in five."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)
    shelves = {name: [i for i in range(ITEMS) if category_of(i) == name] for name in CATEGORIES}
    popularity = list(accumulate(1 / (1 + place) for place in range(ITEMS // len(CATEGORIES))))
    rows: list[tuple[Any, ...]] = []
    for user in range(USERS):
        liked = draw.sample(CATEGORIES, 2)
        at = NOW - draw.randrange(20, 60) * 86_400
        for _ in range(EVENTS_EACH):
            wanted = draw.choice(liked) if draw.random() < 0.8 else draw.choice(CATEGORIES)
            item = draw.choices(shelves[wanted], cum_weights=popularity)[0]
            at += draw.randrange(60, 30_000)
            kind = "Purchase" if draw.random() < 0.2 else "View"
            device = draw.choice(("phone", "desktop"))
            rows.append((f"u{user}", f"i{item}", min(at, NOW - 60), kind, device))
    write(folder / "interactions.csv", SCHEMAS["Interactions"], rows)
    items = [(f"i{i}", category_of(i), round(draw.uniform(1, 50), 2), f"{category_of(i)} no. {i}")
             for i in range(ITEMS)]  # fmt: skip
    write(folder / "items.csv", SCHEMAS["Items"], items)
    users = [(f"u{user}", draw.choice(("DE", "FR", "PL"))) for user in range(USERS)]
    write(folder / "users.csv", SCHEMAS["Users"], users)


def write(path: Path, schema: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([each["name"] for each in json.loads(schema)["fields"]])
        writer.writerows(rows)


class Shop:
    """One walk through the API. ``name``: of all that it makes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.personalize = boto3.client("personalize")
        self.events = boto3.client("personalize-events")
        self.runtime = boto3.client("personalize-runtime")
        self.began = time.perf_counter()

    def say(self, what: str) -> None:
        print(f"{time.perf_counter() - self.began:6.1f} s  {what}", flush=True)

    def wait(self, kind: str, **arn: str) -> dict[str, Any]:
        """Ask until it is active, as clients do that know nothing of a waiting server."""
        describe = getattr(self.personalize, f"describe_{kind}")
        while True:
            (found,) = (v for k, v in describe(**arn).items() if k != "ResponseMetadata")
            if found["status"] == "ACTIVE":
                return dict(found)
            if "FAILED" in found["status"]:
                raise SystemExit(f"{kind}: {found.get('failureReason')}")
            time.sleep(0.2)

    def make_group(self) -> None:
        api, name = self.personalize, self.name
        self.group = api.create_dataset_group(name=name)["datasetGroupArn"]
        self.wait("dataset_group", datasetGroupArn=self.group)
        self.schemas, self.datasets = {}, {}
        for kind, text in SCHEMAS.items():
            schema = api.create_schema(name=f"{name}-{kind}", schema=text)["schemaArn"]
            self.schemas[kind] = schema
            made = api.create_dataset(
                name=f"{name}-{kind}", datasetGroupArn=self.group, datasetType=kind,
                schemaArn=schema,
            )  # fmt: skip
            self.datasets[kind] = made["datasetArn"]
            self.wait("dataset", datasetArn=made["datasetArn"])
        self.say("dataset group, schemas, datasets")

    def import_all(self) -> None:
        jobs = [
            self.personalize.create_dataset_import_job(
                jobName=f"{self.name}-{kind}", datasetArn=arn, roleArn=ROLE,
                dataSource={"dataLocation": (self.folder / f"{kind.lower()}.csv").as_uri()},
            )["datasetImportJobArn"]
            for kind, arn in self.datasets.items()
        ]  # fmt: skip
        for job in jobs:
            self.wait("dataset_import_job", datasetImportJobArn=job)
        made = self.personalize.create_event_tracker(name=self.name, datasetGroupArn=self.group)
        self.tracker, self.tracking_id = made["eventTrackerArn"], made["trackingId"]
        self.say("imported; event tracker")

    def train(self, word: str, recipe: str) -> tuple[str, str]:
        """(solution, version)"""
        api = self.personalize
        solution = api.create_solution(
            name=f"{self.name}-{word}", datasetGroupArn=self.group,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
        )["solutionArn"]  # fmt: skip
        self.wait("solution", solutionArn=solution)
        version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        return solution, version

    def campaign_of(self, word: str, version: str, **config: Any) -> str:
        self.wait("solution_version", solutionVersionArn=version)
        made = self.personalize.create_campaign(
            name=f"{self.name}-{word}", solutionVersionArn=version, minProvisionedTPS=1, **config
        )["campaignArn"]
        self.wait("campaign", campaignArn=made)
        return str(made)

    def recommend(self, **more: Any) -> list[str]:
        found = self.runtime.get_recommendations(campaignArn=self.campaign, numResults=10, **more)
        return [item["itemId"] for item in found["itemList"]]

    def click(self, user: str, items: Sequence[str]) -> None:
        self.events.put_events(
            trackingId=self.tracking_id, userId=user, sessionId=f"session-{user}",
            eventList=[{"eventType": "View", "itemId": item, "sentAt": time.time()}
                       for item in items],
        )  # fmt: skip

    def answer(self) -> None:
        self.solution, self.version = self.train("personal", "aws-user-personalization-v2")
        config = {"enableMetadataWithRecommendations": True}
        self.campaign = self.campaign_of("personal", self.version, campaignConfig=config)
        before = self.recommend(userId="u1")
        self.say(f"first personal answer: {before[:5]} …")
        metrics = self.personalize.get_solution_metrics(solutionVersionArn=self.version)["metrics"]
        told = {name: round(float(value), 4) for name, value in sorted(metrics.items())}
        self.say(f"metrics: {told}")
        self.click("u1", [f"i{10 * n + 3}" for n in range(1, 9)])  # fish
        after = self.recommend(userId="u1")
        assert after != before, "eight clicks changed nothing"
        self.say(f"after eight clicks on fish: {after[:5]} …")

    def filter(self) -> None:
        self.filter_arn = self.personalize.create_filter(
            name=self.name, datasetGroupArn=self.group,
            filterExpression="INCLUDE ItemID WHERE Items.CATEGORY IN ($WANTED)",
        )["filterArn"]  # fmt: skip
        self.wait("filter", filterArn=self.filter_arn)
        found = self.runtime.get_recommendations(
            campaignArn=self.campaign, userId="u1", numResults=10, filterArn=self.filter_arn,
            filterValues={"WANTED": '"dairy","meat"'}, metadataColumns={"ITEMS": ["CATEGORY"]},
        )["itemList"]  # fmt: skip
        seen = {item["metadata"]["category"] for item in found}
        assert seen <= {"dairy", "meat"}, seen
        assert len(found) == 10, found
        self.say(f"filtered by category: {[item['itemId'] for item in found][:5]} …")

    def rank(self) -> None:
        self.ranking, version = self.train("ranking", "aws-personalized-ranking-v2")
        self.ranker = self.campaign_of("ranking", version)
        given = [f"i{n}" for n in range(20)]
        found = self.runtime.get_personalized_ranking(
            campaignArn=self.ranker, userId="u1", inputList=given
        )["personalizedRanking"]
        assert {item["itemId"] for item in found} == set(given)
        self.say(f"ranking: {[item['itemId'] for item in found][:5]} …")

    def batch(self) -> None:
        asked = self.folder / f"{self.name}-users.json"
        asked.write_text("".join(json.dumps({"userId": f"u{n}"}) + "\n" for n in range(100)))
        out = self.folder / f"{self.name}-out"
        out.mkdir(exist_ok=True)
        job = self.personalize.create_batch_inference_job(
            jobName=self.name, solutionVersionArn=self.version, roleArn=ROLE,
            jobInput={"s3DataSource": {"path": asked.as_uri()}},
            jobOutput={"s3DataDestination": {"path": out.as_uri() + "/"}}, numResults=10,
        )["batchInferenceJobArn"]  # fmt: skip
        self.wait("batch_inference_job", batchInferenceJobArn=job)
        lines = [json.loads(line) for line in (out / f"{asked.name}.out").open()]
        assert len(lines) == 100
        assert all(len(line["output"]["recommendedItems"]) == 10 for line in lines)
        self.say("batch inference of 100 users")

    def list_all(self) -> None:
        """Every list by its paginator, a page of one each."""
        api, asked = self.personalize, {"datasetGroupArn": self.group}
        lists: Iterator[tuple[str, dict[str, str]]] = iter([
            ("list_dataset_groups", {}), ("list_schemas", {}), ("list_recipes", {}),
            ("list_datasets", asked), ("list_solutions", asked), ("list_filters", asked),
            ("list_event_trackers", asked), ("list_campaigns", {"solutionArn": self.solution}),
            ("list_solution_versions", {"solutionArn": self.solution}),
            ("list_dataset_import_jobs", {"datasetArn": self.datasets["Items"]}),
            ("list_batch_inference_jobs", {"solutionVersionArn": self.version}),
        ])  # fmt: skip
        counts = {}
        for name, given in lists:
            pages = api.get_paginator(name).paginate(**given, PaginationConfig={"PageSize": 1})
            counts[name] = sum(
                len(v) for page in pages for k, v in page.items()
                if k not in ("ResponseMetadata", "nextToken")
            )  # fmt: skip
            assert counts[name], name
        self.say(f"listed: {counts}")

    def update(self) -> None:
        version = self.personalize.create_solution_version(
            solutionArn=self.solution, trainingMode="FULL"
        )["solutionVersionArn"]
        self.wait("solution_version", solutionVersionArn=version)
        self.personalize.update_campaign(
            campaignArn=self.campaign, solutionVersionArn=version, minProvisionedTPS=2
        )
        found = self.wait("campaign", campaignArn=self.campaign)
        assert found["solutionVersionArn"] == version
        assert found["minProvisionedTPS"] == 2
        self.say("campaign moved to a second version")

    def delete(self) -> None:
        api = self.personalize
        for campaign in (self.campaign, self.ranker):
            api.delete_campaign(campaignArn=campaign)
            self.gone(api.describe_campaign, campaignArn=campaign)
        api.delete_filter(filterArn=self.filter_arn)
        for solution in (self.solution, self.ranking):
            api.delete_solution(solutionArn=solution)
            self.gone(api.describe_solution, solutionArn=solution)
        api.delete_event_tracker(eventTrackerArn=self.tracker)
        for dataset in self.datasets.values():
            api.delete_dataset(datasetArn=dataset)
            self.gone(api.describe_dataset, datasetArn=dataset)
        for schema in self.schemas.values():
            api.delete_schema(schemaArn=schema)
        api.delete_dataset_group(datasetGroupArn=self.group)
        self.gone(api.describe_dataset_group, datasetGroupArn=self.group)
        self.say("all deleted")

    def gone(self, describe: Any, **arn: str) -> None:
        """Until the API knows nothing of it."""
        while True:
            try:
                describe(**arn)
            except self.personalize.exceptions.ResourceNotFoundException:
                return
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where its files are, and the server's answers")
    parser.add_argument("--name", default=f"shop-{NOW}", help="of all that it makes")
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end")
    given = parser.parse_args()
    folder = given.folder.absolute()
    if not (folder / "interactions.csv").exists():
        write_shop(folder)
    shop = Shop(folder, given.name)
    for step in (shop.make_group, shop.import_all, shop.answer, shop.filter, shop.rank, shop.batch,
                 shop.list_all, shop.update):  # fmt: skip
        step()
    if not given.keep:
        shop.delete()


if __name__ == "__main__":
    main()
