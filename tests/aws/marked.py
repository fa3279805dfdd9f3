"""Events for every function that carry marks: values that nobody else uses, to be looked for in all
that a function tells. ``EVENTS`` names each function of the table; those with a good event and some
whose values are wrong, so that errors are raised with the values at hand."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Protocol

USER, MAIL, PLACE = "marked-user-7d1f", "marked.mail.83ab@mail.example", "Marked Place 5c02"
INTEREST, ITEM, KEY = "marked-interest-91ee", "marked-item-4bd7", "marked-key-0f6c"
MARKS = (USER, MAIL, PLACE, INTEREST, ITEM, KEY)
FIRST = 49590338271490256608559692538361571095921575989136588898
LONG = 4000  # characters: more than an id has, and more than a key of DynamoDB


class Account(Protocol):
    """Where files of the events lie."""

    def upload(self, name: str, body: str) -> str:
        """The s3://… of a file."""

    def write(self, name: str, body: str) -> str:
        """The path of a file on this machine."""


Events = Callable[[Account], list[Any]]


def import_users(account: Account) -> list[Any]:
    users = [
        {"userId": USER, "email": MAIL, "location": PLACE, "interest": INTEREST},
        {"userId": {"email": MAIL}}, {"email": MAIL}, MAIL, {"userId": USER * LONG},
        {"userId": f"{USER}-2", "n": 1e300},
    ]  # fmt: skip
    good = account.upload("users.json", json.dumps(users))
    cut = account.upload("cut.json", json.dumps(users)[:-9])
    return [
        {"source": good}, {"source": good, "run_id": KEY, "fan_out": "distributed"},
        {"source": cut}, {"source": f"{good}.{MAIL}"}, {"source": f"{USER}/{MAIL}"},
        {"source": {"name": MAIL}},
    ]  # fmt: skip


def fetch_or_mock(_: Account) -> list[Any]:
    return [
        {"userId": USER, "email": MAIL, "k": 3},
        {"userId": USER, "k": 3, "dryRun": True, "location": PLACE},
        {"userId": USER, "k": MAIL, "dryRun": True}, {"userId": {"email": MAIL}}, [USER, MAIL],
    ]  # fmt: skip


def store(_: Account) -> list[Any]:
    done = {"userId": USER, "email": MAIL, "recommendations": [ITEM], "scores": [0.5]}
    return [
        done, {**done, "scores": [MAIL]}, {**done, "recommendations": {ITEM: PLACE}},
        {**done, "userId": USER * LONG}, {**done, "at": MAIL}, {**done, "userId": f"{USER}\ud800"},
    ]  # fmt: skip


def notify(_: Account) -> list[Any]:
    failure = {"Error": "KeyError", "Cause": json.dumps({"errorMessage": f"{USER} {MAIL}"})}
    told = {
        "pipeline": "users", "run_id": "run-1",
        "plan": [{"step": "imported", "result": "imported", "when": ""}],
        "facts": {"users": [USER], "imported": {"read": 1, "users": [USER, MAIL]}},
    }  # fmt: skip
    return [
        told, {**told, "facts": {"failure": failure, "users": [USER]}},
        {**told, "plan": [USER, MAIL]}, {**told, "facts": MAIL},
        {**told, "facts": {"imported": {"bad": MAIL}}},
    ]  # fmt: skip


def nightly(account: Account) -> list[Any]:
    head = "user_id,item_id,ts,event_type,location\n"
    rows = f"{USER},{ITEM},1750000000,view,{PLACE}\n{USER},{ITEM},{MAIL},view,{PLACE}\n"
    source = account.write("in/interactions.csv", head + rows)
    return [
        {"step": "import", "source": source.removesuffix("/interactions.csv"), "interactions": ""},
        {"step": "settle"}, {"step": "store", "k": 2}, {"step": "store", "k": MAIL},
        {"step": "import", "source": f"{source}/{USER}", "interactions": KEY},
        {"step": USER}, {"step": "gate", "version": f"{ITEM} {MAIL}"},
    ]  # fmt: skip


def firehose(_: Account) -> list[Any]:
    texts = [
        json.dumps({"userId": USER, "itemId": ITEM, "event_type": "view", "event_id": KEY}),
        json.dumps({"user_id": USER, "event": "get_recommendations", "attributes": {"at": PLACE}}),
        json.dumps({"userId": USER, "itemId": {"email": MAIL}}), MAIL, "{",
        json.dumps({"userId": USER, "itemId": ITEM, "event_type": MAIL, "ts": PLACE}),
    ]  # fmt: skip
    records = [
        {"recordId": str(n), "approximateArrivalTimestamp": 1_760_000_000_123, "data": packed(text)}
        for n, text in enumerate(texts)
    ]
    return [
        {"records": records}, {"records": [{**records[0], "data": f"{MAIL}é"}]},
        {"records": [{**records[0], "approximateArrivalTimestamp": MAIL}]}, {"records": MAIL},
    ]  # fmt: skip


def stream(_: Account) -> list[Any]:
    texts = [
        json.dumps({"userId": USER, "itemId": ITEM, "event_type": "view", "event_id": KEY}),
        json.dumps({"userId": {"email": MAIL}}), MAIL,
        json.dumps({"userId": USER, "itemId": ITEM, "event_type": "view", "ts": PLACE}),
        json.dumps({"userId": USER * LONG, "itemId": ITEM, "event_type": MAIL}),
    ]  # fmt: skip
    records = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": USER,
                "sequenceNumber": str(FIRST + n),
                "data": packed(text),
                "approximateArrivalTimestamp": 1_760_000_000.123,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"shardId-000000000006:{FIRST + n}",
            "eventName": "aws:kinesis:record",
            "awsRegion": "us-east-1",
        }
        for n, text in enumerate(texts)
    ]
    broken = {**records[0], "kinesis": {**records[0]["kinesis"], "data": f"{MAIL}é"}}
    return [{"Records": records}, {"Records": [broken]}, {"Records": [USER, MAIL]}]


def request(method: str, target: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """As an HTTP API hands it over."""
    path, _, query = target.partition("?")
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "x-mail": MAIL, **headers},
        "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


NO_REQUEST = {"version": "2.0", "rawPath": f"/{USER}", "requestContext": {"http": {"path": MAIL}}}


def submit(_: Account) -> list[Any]:
    said = {"user_id": USER, "event": "get_recommendations"}
    bodies = [said, {**said, "user_id": {"email": MAIL}}, {**said, "user_id": USER * LONG},
              {**said, "event": INTEREST}, f"{USER} {MAIL}", {**said, "k": PLACE}]  # fmt: skip
    key = {"idempotency-key": KEY}
    asked = [request("POST", f"/submit?at={PLACE}", body, **key) for body in bodies]
    return [*asked, request("GET", f"/{USER}"), [USER, MAIL], NO_REQUEST]


def record_preference(_: Account) -> list[Any]:
    said = {"customer_id": USER, "interest": INTEREST, "location": PLACE}
    bodies = [said, {**said, "location": {"email": MAIL}}, {**said, "customer_id": USER * LONG},
              {**said, "interest": ""}, f"{USER} {MAIL}"]  # fmt: skip
    asked = [request("POST", "/recommend", body) for body in bodies]
    wanting = request("POST", f"/recommend?offers=true&at={PLACE}", said)
    asked += [wanting, request("POST", f"/recommend?offers={MAIL}", said)]
    return [*asked, [USER, MAIL], NO_REQUEST]


def api(account: Account) -> list[Any]:
    event = {"userId": USER, "itemId": ITEM, "event_type": "view", "session_id": KEY}
    listed = [{"itemId": ITEM, "attributes": {"name": PLACE}}]
    personal = f"/v1/recommendations/personalized?userId={USER}"
    return [
        request("POST", "/v1/events", event, **{"idempotency-key": KEY, "x-api-key": KEY}),
        request("PUT", f"/v1/items/{ITEM}", {"name": PLACE}),
        request("PUT", f"/v1/users/{USER}", {"email": MAIL, "location": PLACE}),
        request("GET", f"{personal}&k=3"), request("GET", f"{personal}&k={MAIL}"),
        request("GET", f"/v1/recommendations/related?itemId={ITEM}"),
        request("GET", f"/v1/users/{USER}/recommendations"),
        request("POST", "/v1/events", {**event, "ts": MAIL, "event_type": PLACE}),
        request("POST", "/v1/events", f"{{{MAIL}"), request("GET", f"/v1/items/{MAIL}"),
        request("PUT", "/v1/items", {"items": listed}), request("PATCH", f"/v1/users/{MAIL}"),
        *submit(account)[:3], *record_preference(account)[:5],
        request("GET", f"/v1/offers?customer_id={USER}"),
        request("DELETE", f"/v1/users/{USER}"), [USER, MAIL], NO_REQUEST,
    ]  # fmt: skip


EVENTS: dict[str, Events] = {
    "api": api,
    "Submit": submit,
    "RecordPreference": record_preference,
    "Stream": stream,
    "ImportUsersFromS3": import_users,
    "MockRecommendations": fetch_or_mock,
    "FetchRecommendations": fetch_or_mock,
    "StoreToDynamoDB": store,
    "NotifyCompletion": notify,
    "Nightly": nightly,
    "Firehose": firehose,
}


def packed(text: str) -> str:
    return b64encode(text.encode()).decode()


def found(told: str, events: Any) -> set[str]:
    """Which marks of the events stand in ``told``, as they are or as they were packed."""
    parts = re.findall(r'"data": "([^"]{20,})"', json.dumps(events))
    known = {*MARKS, *(mark.replace(" ", sign) for mark in MARKS for sign in ("+", "%20"))}
    return {mark for mark in known | set(parts) if mark.lower() in told.lower()}
