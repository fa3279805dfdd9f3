"""The tables of DynamoDB that Endcap keeps things in, as data: whoever makes them, tests them or
describes them elsewhere reads them here. Terraform reads them in infra/tables.json, which is what
``python -m endcap.adapters.dynamodb_tables`` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from time import sleep
from typing import Any

import msgspec
from msgspec import Struct

from endcap.domain.errors import InvalidInput, Unavailable

SCHEME = "dynamodb://"
DOCUMENTS, EVENTS, CHANGES = "documents", "events", "changes"
MOST_WAITS = 60  # of a second each, for a table to stand
DEFAULT = "default"  # the group whose tables are called as the design names them


class Table(Struct, frozen=True):
    """``partition`` and ``sort``: the attributes of the key, both texts; "": there is none.

    ``members``: attributes in the order in which a document of this table names them; others
    follow by name. ``expires``: the attribute that holds when an item may go (s since 1970), "":
    never. Every table is charged by request, encrypted with a key of KMS, and kept for
    point-in-time recovery, unless it says otherwise here.
    """

    name: str
    partition: str
    sort: str = ""
    members: tuple[str, ...] = ()
    floats: tuple[str, ...] = ()
    expires: str = ""
    on_demand: bool = True
    kms: bool = True
    recovery: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.partition, self.sort) if self.sort else (self.partition,)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        # All kinds that have no table of their own.
        Table(DOCUMENTS, "kind", "key", expires="expires"),
        Table(
            "storeRecommendations",
            "user_id",
            members=("user_id", "recommendations", "scores", "model_version", "stored_at"),
            floats=("scores",),
        ),
        Table("EcommerceUsers", "user_id", members=("user_id",)),
        Table(
            "CustomerInterest",
            "customer_id",
            "moment",  # second and sequence: two records of one second both stay
            members=("customer_id", "timestamp", "interest", "location"),
        ),
        Table("catalog", "itemId", members=("itemId",)),
        Table("related_items", "itemId", members=("itemId", "related")),
        Table("user_features", "user_id", members=("user_id",)),
        Table("product_features", "product_id", members=("product_id",)),
        Table(EVENTS, "userId", "ts", expires="expires"),
        Table(CHANGES, "log", "offset"),
    )
}


class Names(Struct, frozen=True):
    """How tables are called in an account. ``given``: names that differ, by table."""

    prefix: str = ""
    group: str = DEFAULT
    given: Mapping[str, str] = {}

    def of(self, table: str) -> str:
        """All groups share the documents; of the others each group has its own."""
        shared = table == DOCUMENTS or self.group == DEFAULT
        name = self.given.get(table, self.prefix + table)
        return name if shared else f"{name}.{self.group}"


def read_names(documents: str, group: str, tables: str) -> Names:
    """``documents``: dynamodb://PREFIX; ``tables``: TABLE=NAME,… Raises InvalidInput
    (bad_setting)."""
    given = dict(pair.split("=", 1) for pair in tables.split(",") if pair)
    for table in given:
        if table not in TABLES:
            permitted = f"NAME of {', '.join(TABLES)}"
            raise InvalidInput(
                "bad_setting", field="ENDCAP_TABLES", value=table, permitted=permitted
            )
    return Names(documents.removeprefix(SCHEME), group, given)


def definition(table: Table, name: str) -> dict[str, Any]:
    """What CreateTable is asked. The rest of a table is set once it stands: ``create``."""
    kinds = ("HASH", "RANGE")
    asked: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": k, "AttributeType": "S"} for k in table.keys],
        "KeySchema": [
            {"AttributeName": k, "KeyType": kind}
            for k, kind in zip(table.keys, kinds, strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED",
    }
    if table.kms:
        asked["SSESpecification"] = {"Enabled": True, "SSEType": "KMS"}
    return asked


def create(
    dynamodb: Any,
    names: Names,
    tables: Iterable[Table] | None = None,
    pause: Callable[[float], None] = sleep,
) -> list[str]:
    """Make those tables that are missing, and switch time to live and backups on where they are
    not; the names of those made. ``dynamodb``: a client of boto3."""
    made = []
    for table in TABLES.values() if tables is None else tables:
        name = names.of(table.name)
        try:
            dynamodb.create_table(**definition(table, name))
            made.append(name)
        except dynamodb.exceptions.ResourceInUseException:
            pass  # it stands, or another makes it now
        waiting = {"Delay": 1, "MaxAttempts": MOST_WAITS}
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=waiting)
        _expire(dynamodb, table, name)
        _back_up(dynamodb, table, name, pause)
    return made


def _expire(dynamodb: Any, table: Table, name: str) -> None:
    told = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if table.expires and told["TimeToLiveStatus"] in ("DISABLED", "DISABLING"):
        asked = {"Enabled": True, "AttributeName": table.expires}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=asked)


def _back_up(dynamodb: Any, table: Table, name: str, pause: Callable[[float], None]) -> None:
    """A new table takes a while before backups can be switched on."""
    told = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = told.get("PointInTimeRecoveryDescription", {})
    if not table.recovery or recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        return
    asked = {"PointInTimeRecoveryEnabled": True}
    for _ in range(MOST_WAITS):
        try:
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=asked
            )
        except dynamodb.exceptions.ContinuousBackupsUnavailableException:
            pause(1.0)
            continue
        return
    raise Unavailable("dynamodb_unavailable", field=name, reason="no backups yet")


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(TABLES), indent=2))  # noqa: T201
