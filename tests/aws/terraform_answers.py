"""What moto answers otherwise than it was told, so that every plan would find a difference."""

from __future__ import annotations

from typing import Any


def answer_as_told() -> None:
    """All of it, in this process."""
    _streams()
    _mappings()
    _notifications()
    _distributions()
    _rules_of_groups()
    _databases()


def _streams() -> None:
    """moto drops the tags that a stream is made with."""
    from moto.kinesis.responses import KinesisResponse

    made = KinesisResponse.create_stream

    def create_stream(self: KinesisResponse) -> Any:
        answer = made(self)
        if tags := self._get_param("Tags"):
            self.kinesis_backend.add_tags_to_stream(None, self._get_param("StreamName"), tags)
        return answer

    KinesisResponse.create_stream = create_stream  # type: ignore[method-assign]


def _mappings() -> None:
    """moto names the version behind the alias that a mapping was given."""
    from moto.awslambda.models import EventSourceMapping

    told = EventSourceMapping.get_configuration

    def get_configuration(self: EventSourceMapping) -> dict[str, Any]:
        given = self.function_name
        return told(self) | ({"FunctionArn": given} if given.startswith("arn:") else {})

    EventSourceMapping.get_configuration = get_configuration  # type: ignore[method-assign]


def _notifications() -> None:
    """moto keeps that EventBridge is to be told, tells it, and answers without it."""
    from moto.s3.responses import S3Response

    serialized = S3Response.serialized

    def with_bridge(self: S3Response, result: Any) -> Any:
        if self.data.get("Action") == "GetBucketNotificationConfiguration":
            kept = self.backend.get_bucket_notification_configuration(self.bucket_name)
            if kept.event_bridge is not None:
                result._result["EventBridgeConfiguration"] = {}
        return serialized(self, result)

    S3Response.serialized = with_bridge  # type: ignore[method-assign]


def _distributions() -> None:
    """moto forgets who signs for an origin, and adds what only distributions without a policy of
    the cache, or with a certificate of one's own, have."""
    from moto.cloudfront import models

    class Behaviour(models.DefaultCacheBehaviour):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            if config.get("CachePolicyId"):
                self.forwarded_values = None  # type: ignore[assignment]

    class PathBehaviour(models.CacheBehaviour, Behaviour):
        pass

    class Certificate(models.ViewerCertificate):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self.ssl_support_method = config.get("SSLSupportMethod")

    class Origin(models.Origin):
        def __init__(self, origin: dict[str, Any]) -> None:
            super().__init__(origin)
            self.origin_access_control_id = origin.get("OriginAccessControlId") or ""

    models.DefaultCacheBehaviour = Behaviour  # type: ignore[misc]
    models.CacheBehaviour = PathBehaviour  # type: ignore[misc]
    models.ViewerCertificate = Certificate  # type: ignore[misc]
    models.Origin = Origin  # type: ignore[misc]


def _rules_of_groups() -> None:
    """moto knows the description of a rule for addresses only."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    made = SecurityGroupRule.__init__

    def make(self: SecurityGroupRule, *words: Any, **more: Any) -> None:
        made(self, *words, **more)
        places = [*words[5:8], *(more.get(name) for name in ("source_group", "prefix_list_id"))]
        told = [place["Description"] for place in places if place and "Description" in place]
        self.told = told[0] if told else None  # type: ignore[attr-defined]

    SecurityGroupRule.__init__ = make  # type: ignore[method-assign]
    SecurityGroupRule.description = property(lambda self: self.told)  # type: ignore[assignment]


def _databases() -> None:
    """moto keeps nothing of Performance Insights, and tells no parameter as a user's."""
    from moto.rds.models import DBInstance, DBParameterGroup

    made, kept = DBInstance.__init__, DBParameterGroup.update_parameters
    insights = ("enable_performance_insights", "performance_insights_kms_key_id",
                "performance_insights_retention_period")  # fmt: skip

    def make(self: DBInstance, *words: Any, **more: Any) -> None:
        made(self, *words, **more)
        enabled, key, days = (more.get(name) for name in insights)
        self.performance_insights_enabled = bool(enabled)  # type: ignore[attr-defined]
        self.performance_insights_kms_key_id = key  # type: ignore[attr-defined]
        self.performance_insights_retention_period = days  # type: ignore[attr-defined]

    def keep(self: DBParameterGroup, new_parameters: Any) -> None:
        kept(self, [{**one, "Source": "user"} for one in new_parameters])

    DBInstance.__init__ = make  # type: ignore[method-assign]
    DBParameterGroup.update_parameters = keep  # type: ignore[method-assign]
