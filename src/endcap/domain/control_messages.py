"""The prose of the errors of the registry of resources and of the Personalize API.

Part of the table in ``messages.py``, which says how a message is written.
"""

CONTROL_MESSAGES: dict[str, str] = {
    "bad_arn": "{field} must be an ARN like arn:aws:personalize:us-east-1:123456789012:campaign/"
    "mine, not {value!r}",
    "arn_of_other_kind": "{field} must be the ARN of a {permitted}, not {value!r}",
    "no_resource": "there is no {kind} {value!r}",
    "resource_exists": "there is a {kind} {value!r} already; take another name, or use that one",
}
