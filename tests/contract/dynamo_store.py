"""The store of the AWS edition, with its tables made."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.documents import Documents
from chalicelib.aws.dynamo_runs import DynamoRuns
from chalicelib.aws.dynamo_schedules import DynamoSchedules
from chalicelib.ports import Clock
from tests.aws.tables import BUCKET, TABLES


class DynamoStore(DynamoSchedules, DynamoRuns):
    """ports.ScheduleStore and ports.RunStore at once."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        documents = Documents(clients, BUCKET)
        DynamoSchedules.__init__(self, clients, TABLES, documents)
        DynamoRuns.__init__(self, clients, TABLES, documents, clock)

    def close(self) -> None:
        """Nothing to close."""
