"""The tables and the bucket that the stores rely on: the template must make the same."""

from typing import Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.names import Tables, bucket_of

STAGE = "dev"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
TABLES = Tables(STAGE)
BUCKET = bucket_of(STAGE, ACCOUNT, REGION)

# What the index of open jobs holds besides the keys: the state, and the last event's number.
OPEN_JOBS = [
    "attempt",
    "exitCode",
    "failures",
    "intent",
    "jobId",
    "jobStatus",
    "last",
    "lookups",
    "notBefore",
    "position",
    "queueName",
    "reason",
    "reservedAt",
    "runnableSince",
    "startedAt",
    "stoppedAt",
    "version",
]

# TimeToLive is a call of its own in the API and a member of the template's resource.
TTL = dict.fromkeys((TABLES.jobs, TABLES.state, TABLES.tokens), "expiresAt")

DEFINITIONS: list[dict[str, Any]] = [
    {
        "TableName": TABLES.schedules,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "scheduleId", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "scheduleId", "KeyType": "HASH"}],
    },
    {
        "TableName": TABLES.history,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "scheduleId", "AttributeType": "S"},
            {"AttributeName": "startDateTime", "AttributeType": "S"},
            {"AttributeName": "scheduleStatus", "AttributeType": "S"},
            {"AttributeName": "unsealed", "AttributeType": "S"},
            {"AttributeName": "unsealedSince", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "scheduleId", "KeyType": "HASH"},
            {"AttributeName": "startDateTime", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "byStatus",
                "KeySchema": [
                    {"AttributeName": "scheduleStatus", "KeyType": "HASH"},
                    {"AttributeName": "startDateTime", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": "unsealed",
                "KeySchema": [
                    {"AttributeName": "unsealed", "KeyType": "HASH"},
                    {"AttributeName": "unsealedSince", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
    },
    {
        "TableName": TABLES.jobs,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "run", "AttributeType": "S"},
            {"AttributeName": "jobName", "AttributeType": "S"},
            {"AttributeName": "open", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "run", "KeyType": "HASH"},
            {"AttributeName": "jobName", "KeyType": "RANGE"},
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "open",
                "KeySchema": [
                    {"AttributeName": "run", "KeyType": "HASH"},
                    {"AttributeName": "open", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": OPEN_JOBS},
            }
        ],
    },
    {
        "TableName": TABLES.state,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "part", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "shard", "AttributeType": "S"},
            {"AttributeName": "nextAt", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "part", "KeyType": "HASH"},
            {"AttributeName": "id", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "shard", "KeyType": "HASH"},
                    {"AttributeName": "nextAt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    },
    {
        "TableName": TABLES.tokens,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
]


def make(clients: Clients, region: str = REGION) -> None:
    """Make them, empty."""
    for definition in DEFINITIONS:
        clients["dynamodb"].create_table(**definition)
    make_bucket(clients, bucket_of(STAGE, ACCOUNT, region), region)


def make_bucket(clients: Clients, name: str, region: str = REGION) -> None:
    # The oldest Region is the one that is not named (API_CreateBucket).
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    request = {"CreateBucketConfiguration": where} if where else {}
    clients["s3"].create_bucket(Bucket=name, **request)
