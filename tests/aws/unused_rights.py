"""Rights that no call of ``test_terraform_dev.py`` needs: by function, with the reason."""

from __future__ import annotations

ABSENT = (
    "who may not list a bucket is told of a missing file that it is forbidden; and where the "
    "newest snapshot cannot be loaded, the one before it is looked for"
)
LOST = (
    "asked where a row of the log is missing, or the answer to a write was lost: whether the log "
    "begins later, and who wrote"
)
RACE = "only where something of an erased user comes while the night looks through the log"
GIVEN_UP = "Lambda itself puts there, with the function's role, what the mapping gives up"

UNUSED: dict[str, dict[str, str]] = {
    "api": {
        "s3:ListBucket artifacts": ABSENT,
        "dynamodb:GetItem table/changes": LOST,
        "dynamodb:Query table/documents": (
            "resources of the Personalize API and, where they are asked for, the shop's own API "
            "keys are listed"
        ),
        "dynamodb:DeleteItem table/documents": "resources of the Personalize API are deleted",
    },
    "Submit": {"s3:ListBucket artifacts": ABSENT, "dynamodb:GetItem table/changes": LOST},
    "Firehose": {"s3:ListBucket artifacts": ABSENT},
    "MockRecommendations": {"s3:ListBucket artifacts": ABSENT},
    "FetchRecommendations": {"s3:ListBucket artifacts": ABSENT},
    "ImportUsersFromS3": {
        "s3:PutObject runs/runs/*": "the list of users for a map run of users-distributed",
    },
    "NotifyCompletion": {
        "dynamodb:GetItem table/documents": "what came of a message that is asked for again",
        "dynamodb:DeleteItem table/documents": "a message that could not be sent may be sent again",
    },
    "Nightly": {
        "dynamodb:BatchWriteItem table/changes": (
            "rows of the log that the lake holds go once they are old enough"
        ),
        "dynamodb:BatchWriteItem table/events": RACE,
        "dynamodb:DeleteItem table/CustomerInterest": RACE,
    },
    "Stream": {
        "s3:ListBucket failures": GIVEN_UP,
        "s3:PutObject failures/*": GIVEN_UP,
    },
}
