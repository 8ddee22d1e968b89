"""An account that has only what the stores need: DynamoDB and S3, both empty."""

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.aws import StrictAws
from tests.strict.dynamodb import FakeDynamo
from tests.strict.s3 import FakeS3


def stores(clock: VirtualClock) -> StrictAws:
    aws = StrictAws(clock)
    aws.serve("dynamodb", FakeDynamo(aws).service())
    aws.serve("s3", FakeS3(aws).service())
    return aws
