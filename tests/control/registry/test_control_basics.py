"""Dataset groups, schemas and datasets: made, described, listed, refused."""

import json
from typing import Any

import pytest

from endcap.control.registry.arns import Place
from endcap.control.registry.groups import Group
from endcap.domain.errors import BadToken, Conflict, EndcapError, InUse, InvalidInput, NotFound

HERE = "arn:aws:personalize:us-east-1:123456789012:"


def test_a_group_is_made_at_once(plane: Any) -> None:
    made = plane("CreateDatasetGroup", name="shop", domain="ECOMMERCE", roleArn="arn:aws:iam::r")
    assert made == {"datasetGroupArn": f"{HERE}dataset-group/shop", "domain": "ECOMMERCE"}
    assert plane("DescribeDatasetGroup", datasetGroupArn=made["datasetGroupArn"]) == {
        "datasetGroup": {
            "name": "shop",
            "datasetGroupArn": f"{HERE}dataset-group/shop",
            "status": "ACTIVE",
            "roleArn": "arn:aws:iam::r",
            "domain": "ECOMMERCE",
            "creationDateTime": 1000,
            "lastUpdatedDateTime": 1000,
        }
    }


def test_groups_of_two_regions_have_shops_of_their_own(plane: Any) -> None:
    plane.group("shop")
    there = plane.control.elsewhere(Place("eu-west-1"))
    plane.control = there
    arn = plane.group("shop")
    assert arn == "arn:aws:personalize:eu-west-1:123456789012:dataset-group/shop"
    shops = {g.shop for g in there.registry.all(Group)}
    assert len(shops) == 1
    assert shops.isdisjoint({"shop"})
    assert all(len(shop) <= 63 for shop in shops)


def test_two_of_one_name_are_refused(plane: Any) -> None:
    plane.group("shop")
    with pytest.raises(Conflict) as caught:
        plane.group("shop")
    assert (caught.value.code, caught.value.value) == ("resource_exists", "shop")


def test_a_dataset_has_its_type_in_capitals_and_its_arn_from_group_and_type(plane: Any) -> None:
    group = plane.group()
    arn = plane.dataset(group, "Items")
    assert arn == f"{HERE}dataset/shop/ITEMS"
    said = plane("DescribeDataset", datasetArn=arn)["dataset"]
    assert said["datasetType"] == "ITEMS"
    assert said["schemaArn"] == f"{HERE}schema/Items-shop"
    assert "latestDatasetUpdate" not in said
    with pytest.raises(Conflict):
        plane(
            "CreateDataset",
            name="another",
            datasetGroupArn=group,
            datasetType="ITEMS",
            schemaArn=said["schemaArn"],
        )


def test_datasets_are_listed_by_group(plane: Any) -> None:
    one, other = plane.group("one"), plane.group("other")
    for kind in ("Interactions", "Items", "Users"):
        plane.dataset(one, kind)
    plane.dataset(other)
    found = plane("ListDatasets", datasetGroupArn=one)["datasets"]
    assert [each["datasetType"] for each in found] == ["INTERACTIONS", "ITEMS", "USERS"]
    assert len(plane("ListDatasets")["datasets"]) == 4
    assert plane("ListDatasets", datasetGroupArn=f"{HERE}dataset-group/none") == {"datasets": []}


def record(**members: Any) -> str:
    return json.dumps({"type": "record", "name": "Interactions", **members})


def interactions(*more: Any, without: str = "") -> str:
    fields = [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
    ]
    kept = [each for each in fields if each["name"] != without]
    return record(fields=[*kept, *more])


def items(*fields: Any) -> str:
    return record(name="Items", fields=[{"name": "ITEM_ID", "type": "string"}, *fields])


BAD_SCHEMAS: list[tuple[str, str, str]] = [
    ("{", "", "schema_unreadable"),
    ("[" * 15_000, "", "schema_unreadable"),
    ("[]", "", "schema_record"),
    (record(fields=[]), "", "schema_record"),
    (record(fields={}), "", "schema_record"),
    (record(type="enum", fields=[{"name": "A", "type": "int"}]), "", "schema_record"),
    (record(name="Actions", fields=[{"name": "A", "type": "int"}]), "", "schema_name"),
    (record(name=5, fields=[{"name": "A", "type": "int"}]), "", "schema_name"),
    (interactions(7), "", "schema_column"),
    (interactions({"type": "int"}), "", "schema_column"),
    (interactions({"name": "1A", "type": "int"}), "", "schema_column"),
    (interactions({"name": "A B", "type": "int"}), "", "schema_column"),
    (interactions({"name": "A"}), "", "schema_column_type"),
    (interactions({"name": "A", "type": "bytes"}), "", "schema_column_type"),
    (interactions({"name": "A", "type": ["int", "string"]}), "", "schema_column_type"),
    (interactions({"name": "A", "type": "null"}), "", "schema_column_type"),
    (interactions({"name": "A", "type": {"type": "array"}}), "", "schema_column_type"),
    (interactions({"name": "user_id", "type": "string"}), "", "schema_column_twice"),
    (interactions(without="USER_ID"), "", "schema_lacks"),
    (interactions(without="TIMESTAMP"), "", "schema_lacks"),
    (interactions(), "ECOMMERCE", "schema_lacks"),
    (interactions({"name": "TIMESTAMP", "type": "string"}, without="TIMESTAMP"), "",
     "schema_column_type"),
    (interactions({"name": "ITEM_ID", "type": ["null", "string"]}, without="ITEM_ID"), "",
     "schema_column_type"),
    (interactions({"name": "EVENT_TYPE", "type": "int"}), "", "schema_column_type"),
    (interactions({"name": "EVENT_VALUE", "type": "string"}), "", "schema_column_type"),
    (interactions({"name": "EVENT_TYPE", "type": "string", "categorical": True}), "",
     "schema_categorical"),
    (interactions({"name": "N", "type": "int", "categorical": True}), "", "schema_categorical"),
    (interactions({"name": "N", "type": "string", "textual": True}), "", "schema_textual"),
    (items(), "", "schema_no_metadata"),
    (items({"name": "CREATION_TIMESTAMP", "type": "string"}), "", "schema_column_type"),
    (items({"name": "PRICE", "type": "float"}), "ECOMMERCE", "schema_lacks"),
    (items({"name": "PRICE", "type": "string"}, {"name": "CATEGORY_L1", "type": "string"}),
     "ECOMMERCE", "schema_column_type"),
    (items({"name": "PRICE", "type": "float"}, {"name": "CATEGORY_L1", "type": "string"}),
     "ECOMMERCE", "schema_not_categorical"),
    (items({"name": "GENRES", "type": "string", "categorical": True}), "VIDEO_ON_DEMAND",
     "schema_lacks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "domain", "code"), BAD_SCHEMAS)
def test_bad_schemas(plane: Any, text: str, domain: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plane("CreateSchema", name="s", schema=text, domain=domain)
    assert caught.value.code == code
    assert plane("ListSchemas") == {"schemas": []}


def test_schemas_as_they_are_used(plane: Any) -> None:
    for number, (text, domain) in enumerate(
        [
            (interactions({"name": "EVENT_VALUE", "type": ["float", "null"]}), ""),
            (interactions({"name": "EVENT_TYPE", "type": ["null", "string"]}), "ECOMMERCE"),
            (items({"name": "DESCRIPTION", "type": ["null", "string"], "textual": True}), ""),
            (items({"name": "GENRES", "type": "string", "categorical": True},
                   {"name": "CREATION_TIMESTAMP", "type": "long"}), "VIDEO_ON_DEMAND"),
            (items({"name": "GENRE", "type": "string", "categorical": "true"}), ""),
        ]
    ):  # fmt: skip
        made = plane("CreateSchema", name=f"s{number}", schema=text, domain=domain)
        assert plane("DescribeSchema", **made)["schema"]["schema"] == text


@pytest.mark.parametrize(
    ("operation", "given", "kind", "code"),
    [
        ("DescribeDatasetGroup", {"datasetGroupArn": "no arn"}, InvalidInput, "bad_arn"),
        ("DescribeDatasetGroup", {"datasetGroupArn": f"{HERE}schema/s"}, InvalidInput,
         "arn_of_other_kind"),
        ("DescribeDatasetGroup", {"datasetGroupArn": f"{HERE}dataset-group/none"}, NotFound,
         "no_resource"),
        ("DescribeDatasetGroup",
         {"datasetGroupArn": "arn:aws:personalize:eu-west-1:123456789012:dataset-group/shop"},
         NotFound, "no_resource"),
        ("DescribeSchema", {"schemaArn": f"{HERE}schema/none"}, NotFound, "no_resource"),
        ("DescribeDataset", {"datasetArn": f"{HERE}dataset/shop/USERS"}, NotFound, "no_resource"),
        ("CreateDataset", {"datasetType": "Actions"}, InvalidInput, "dataset_type_refused"),
        ("CreateDataset", {"datasetType": "Users"}, InvalidInput, "schema_of_other_type"),
        ("CreateDataset", {"schemaArn": f"{HERE}schema/none"}, NotFound, "no_resource"),
        ("CreateDataset", {"datasetGroupArn": f"{HERE}dataset-group/none"}, NotFound,
         "no_resource"),
        ("CreateDataset", {"datasetGroupArn": f"{HERE}dataset-group/domain"}, InvalidInput,
         "schema_of_other_domain"),
        ("ListSchemas", {"nextToken": "x"}, BadToken, "bad_next_token"),
        ("ListSchemas", {"nextToken": "ü"}, BadToken, "bad_next_token"),
    ],
)  # fmt: skip
def test_bad_calls(
    plane: Any, operation: str, given: Any, kind: type[EndcapError], code: str
) -> None:
    group = plane.group()
    plane.group("domain", "ECOMMERCE")
    plane.dataset(group)
    if operation == "CreateDataset":
        given = {
            "name": "d",
            "datasetGroupArn": group,
            "datasetType": "Interactions",
            "schemaArn": f"{HERE}schema/Interactions-shop",
            **given,
        }
    with pytest.raises(kind) as caught:
        plane(operation, **given)
    assert caught.value.code == code


def test_nothing_is_made_in_a_group_that_goes(plane: Any) -> None:
    group = plane.group()
    plane.control.registry.move(Group, group, 5, "DELETE PENDING")
    with pytest.raises(InUse) as caught:
        plane.dataset(group)
    assert caught.value.code == "not_ready"


def test_of_two_who_make_one_at_once_one_is_refused(plane: Any, monkeypatch: Any) -> None:
    documents = plane.control.registry.documents
    put = documents.put

    def raced(kind: str, key: str, body: Any, expected: int | None = None) -> int:
        if kind == "schema":
            put(kind, key, {**body, "created_at": 5}, expected)
        return int(put(kind, key, body, expected))

    monkeypatch.setattr(documents, "put", raced)
    with pytest.raises(Conflict) as caught:
        plane("CreateSchema", name="s", schema=plane.schema_text("Users"))
    assert caught.value.code == "resource_exists"
    assert plane("ListSchemas")["schemas"][0]["creationDateTime"] == 5


def test_a_change_is_made_on_what_another_changed_meanwhile(plane: Any, monkeypatch: Any) -> None:
    registry = plane.control.registry
    arn = plane.group()
    put, others = registry.documents.put, [1]

    def raced(kind: str, key: str, body: Any, expected: int | None = None) -> int:
        if others:
            put(kind, key, {**body, "role_arn": "theirs", "status": "ACTIVE"}, others.pop())
        return int(put(kind, key, body, expected))

    monkeypatch.setattr(registry.documents, "put", raced)
    moved = registry.move(Group, arn, 7, "DELETE PENDING")
    assert (moved.role_arn, moved.status, moved.updated_at) == ("theirs", "DELETE PENDING", 7)
