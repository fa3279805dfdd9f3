"""What Terraform's provider reads back from the emulator is what it told it; and calls of functions
are noted by what they name."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server
SIGNED = "AWS4-HMAC-SHA256 Credential=function.Nightly/20260101/us-east-1/s3/aws4_request, rest"


@pytest.fixture(scope="module")
def calls() -> Any:
    spec = spec_from_file_location("calls_of_functions", Path(__file__).parent / "calls.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


def test_a_bucket_of_old_versions_is_emptied_and_goes(aws: Any) -> None:
    s3, bucket = aws.client("s3"), aws.name("versions")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="a/b")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    found = s3.list_object_versions(Bucket=bucket)
    for one in (*found["Versions"], *found["DeleteMarkers"]):
        named = {"Objects": [{"Key": one["Key"], "VersionId": one["VersionId"]}]}
        assert s3.delete_objects(Bucket=bucket, Delete=named)["Deleted"]
    s3.delete_bucket(Bucket=bucket)
    assert bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_a_bucket_says_that_it_tells_eventbridge(aws: Any) -> None:
    s3, bucket = aws.client("s3"), aws.name("told")
    s3.create_bucket(Bucket=bucket)
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    told: Any = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_a_stream_keeps_the_tags_it_is_made_with(aws: Any) -> None:
    kinesis, name = aws.client("kinesis"), aws.name("tagged")
    kinesis.create_stream(StreamName=name, ShardCount=1, Tags={"project": "endcap"})
    found = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
    assert found == [{"Key": "project", "Value": "endcap"}]


def test_a_distribution_is_answered_as_it_was_told(aws: Any) -> None:
    behaviour = {
        "TargetOriginId": "page", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "none",
    }  # fmt: skip
    origin = {
        "Id": "page", "DomainName": "page.s3.us-east-1.amazonaws.com",
        "OriginAccessControlId": "SIGNS", "S3OriginConfig": {"OriginAccessIdentity": ""},
    }  # fmt: skip
    given: Any = {
        "CallerReference": "one", "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behaviour,
        "CacheBehaviors": {"Quantity": 1, "Items": [{**behaviour, "PathPattern": "/v1/*"}]},
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True},
    }  # fmt: skip
    cloudfront = aws.client("cloudfront")
    made = cloudfront.create_distribution(DistributionConfig=given)["Distribution"]["Id"]
    found = cloudfront.get_distribution(Id=made)["Distribution"]["DistributionConfig"]
    assert found["Origins"]["Items"][0]["OriginAccessControlId"] == "SIGNS"
    assert "ForwardedValues" not in found["DefaultCacheBehavior"]
    assert "ForwardedValues" not in found["CacheBehaviors"]["Items"][0]
    assert "SSLSupportMethod" not in found["ViewerCertificate"]


def test_a_rule_keeps_its_description_whatever_it_lets_in(aws: Any) -> None:
    ec2 = aws.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(
        GroupName=aws.name("group"), Description="group", VpcId=network
    )["GroupId"]
    other: Any = {"GroupId": group, "Description": "From itself"}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [other]}
        ],
    )
    named: Any = [{"Name": "group-id", "Values": [group]}]
    rules = ec2.describe_security_group_rules(Filters=named)["SecurityGroupRules"]
    assert "From itself" in [rule.get("Description") for rule in rules]


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "noted"),
    [
        ("GET", "/lake", "list-type=2", b"", [("s3:ListBucket", "lake")]),
        ("PUT", "/lake/shop/a", "", b"", [("s3:PutObject", "lake/shop/a")]),
        (
            "POST",
            "/lake",
            "delete",
            b"<Delete><Object><Key>shop/a&amp;b</Key></Object><Object><Key>c</Key></Object></Delete>",
            [("s3:DeleteObject", "lake/shop/a&b"), ("s3:DeleteObject", "lake/c")],
        ),
    ],
)
def test_a_call_of_s3_is_noted_with_its_objects(
    calls: Any, method: str, path: str, query: str, body: bytes, noted: list[tuple[str, str]]
) -> None:
    environ = {
        "HTTP_AUTHORIZATION": SIGNED, "REQUEST_METHOD": method, "PATH_INFO": path,
        "QUERY_STRING": query,
    }  # fmt: skip
    found = [(call.action, call.resource) for call in calls.calls_of(environ, body)]
    assert found == [(action, f"arn:aws:s3:::{name}") for action, name in noted]


def test_a_database_keeps_its_parameters_and_insights(aws: Any) -> None:
    rds, name = aws.client("rds"), aws.name("database")
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres17", Description="ours"
    )
    one: Any = {
        "ParameterName": "log_connections",
        "ParameterValue": "1",
        "ApplyMethod": "immediate",
    }
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[one])
    (found,) = rds.describe_db_parameters(DBParameterGroupName=name, Source="user")["Parameters"]
    assert (found["ParameterValue"], found["Source"]) == ("1", "user")
    rds.create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.t4g.micro", Engine="postgres",
        AllocatedStorage=20, MasterUsername="master", MasterUserPassword="only-here",
        EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId="key",
        PerformanceInsightsRetentionPeriod=7,
    )  # fmt: skip
    (made,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert made["PerformanceInsightsEnabled"]
    assert made["PerformanceInsightsKMSKeyId"] == "key"
    assert made["PerformanceInsightsRetentionPeriod"] == 7
