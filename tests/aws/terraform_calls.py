"""What Terraform's provider asks that moto does not know, or refuses where AWS takes it, and what
moto makes of the policies that it applies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

LOGGING = "logging.s3.amazonaws.com"


def answer_terraform() -> None:
    """All of it, in this process."""
    for patch in (
        _state_machines,
        _databases,
        _scaling,
        _access_logs,
        _policies,
        _queries,
        _saved_queries,
        _jobs,
        _old_versions,
    ):
        patch()


def _state_machines() -> None:
    from moto.core.responses import ActionResult
    from moto.stepfunctions.responses import StepFunctionResponse

    def no_objections(_: Any) -> Any:
        return ActionResult({"result": "OK", "diagnostics": [], "truncated": False})

    def no_versions(_: Any) -> Any:
        return ActionResult({"stateMachineVersions": []})

    StepFunctionResponse.validate_state_machine_definition = no_objections
    StepFunctionResponse.list_state_machine_versions = no_versions


def _databases() -> None:
    """moto gives all databases one and the same resource id."""
    from moto.rds.models import DBInstance

    made = DBInstance.__init__

    def make(self: DBInstance, *words: Any, **more: Any) -> None:
        made(self, *words, **more)
        self.dbi_resource_id = f"db-{uuid4().hex[:26].upper()}"

    DBInstance.__init__ = make  # type: ignore[method-assign]


def _scaling() -> None:
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    def no_tags(_: Any) -> str:
        return json.dumps({"Tags": {}})

    ApplicationAutoScalingResponse.list_tags_for_resource = no_tags


def _access_logs() -> None:
    """moto reads no policy in which a principal is ``*`` or a resource is a list."""
    from moto.s3.models import FakeBucket

    def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
        policy = json.loads(target_bucket.policy or b'{"Statement": []}')
        file = f"{target_bucket.arn}/{target_prefix or ''}file"
        return any(
            statement["Effect"] == "Allow"
            and isinstance(statement["Principal"], dict)
            and LOGGING in listed(statement["Principal"].get("Service", ()))
            and "s3:PutObject" in listed(statement["Action"])
            and any(fnmatchcase(file, arn) for arn in listed(statement["Resource"]))
            for statement in policy["Statement"]
        )

    FakeBucket._log_permissions_enabled_policy = staticmethod(may_log)


def _policies() -> None:
    """moto reads no condition of a bucket's policy, and so would refuse everybody whatever a
    statement refuses those who come without TLS: statements with conditions count as not met."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        policy = json.loads(self.policy or b'{"Statement": []}')
        policy["Statement"] = [s for s in policy["Statement"] if "Condition" not in s]
        if not policy["Statement"]:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


def _queries() -> None:
    from moto.athena.responses import AthenaResponse

    def delete_named_query(self: AthenaResponse) -> str:
        self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
        return "{}"

    AthenaResponse.delete_named_query = delete_named_query


def _saved_queries() -> None:
    """Those of Logs Insights."""
    from moto.logs.responses import LogsResponse

    kept: dict[str, dict[str, Any]] = {}

    def put_query_definition(self: LogsResponse) -> str:
        given = json.loads(self.body)
        name = given.setdefault("queryDefinitionId", str(uuid4()))
        kept[name] = given
        return json.dumps({"queryDefinitionId": name})

    def describe_query_definitions(self: LogsResponse) -> str:
        begins = json.loads(self.body).get("queryDefinitionNamePrefix", "")
        found = [one for one in kept.values() if one["name"].startswith(begins)]
        return json.dumps({"queryDefinitions": found})

    def delete_query_definition(self: LogsResponse) -> str:
        gone = kept.pop(json.loads(self.body)["queryDefinitionId"], None)
        return json.dumps({"success": gone is not None})

    for method in (put_query_definition, describe_query_definitions, delete_query_definition):
        setattr(LogsResponse, method.__name__, method)


def _jobs() -> None:
    """moto tells a class of execution that nobody gave, and cannot change a job."""
    from moto.glue.models import FakeJob

    told = FakeJob.as_dict

    def as_dict(self: FakeJob) -> dict[str, Any]:
        return {name: value for name, value in told(self).items() if name != "ExecutionClass"}

    FakeJob.as_dict = as_dict  # type: ignore[method-assign]


def _old_versions() -> None:
    """moto deletes no version where versioning was suspended, as it is before a bucket's end."""
    from moto.s3.models import S3Backend

    deleted = S3Backend.delete_object

    def delete_object(
        self: S3Backend, bucket_name: str, key_name: str, version_id: Any = None, **more: Any
    ) -> tuple[bool, dict[str, Any]]:
        bucket = self.get_bucket(bucket_name)
        if version_id is None or bucket.versioning_status != "Suspended":
            return deleted(self, bucket_name, key_name, version_id, **more)
        standing = bucket.keys.getlist(key_name)
        left = [key for key in standing if str(key.version_id) != str(version_id)]
        bucket.keys.setlist(key_name, left)
        if standing and not left:
            bucket.keys.pop(key_name)
        return True, {"version-id": version_id}

    S3Backend.delete_object = delete_object  # type: ignore[method-assign]


def listed(one_or_many: str | Iterable[str]) -> list[str]:
    return [one_or_many] if isinstance(one_or_many, str) else list(one_or_many)
