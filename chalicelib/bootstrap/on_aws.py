"""The edition on AWS: the resources of one stage behind the ports."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from random import Random, SystemRandom
from secrets import token_bytes

from chalicelib.aws.archive import S3Archive
from chalicelib.aws.batch_logs import BatchLogs
from chalicelib.aws.batch_queue import BatchQueue
from chalicelib.aws.clients import ClientFactory, Clients, session_of
from chalicelib.aws.documents import Documents
from chalicelib.aws.dynamo_claims import DynamoClaims
from chalicelib.aws.dynamo_outbox import DynamoOutbox
from chalicelib.aws.dynamo_requests import DynamoRequests
from chalicelib.aws.dynamo_runs import DynamoRuns
from chalicelib.aws.dynamo_schedules import DynamoSchedules
from chalicelib.aws.dynamo_tokens import DynamoTokens
from chalicelib.aws.dynamo_triggers import DynamoTriggers
from chalicelib.aws.dynamo_wakes import DynamoWakes
from chalicelib.aws.executions import StepFunctionsExecutions
from chalicelib.aws.metrics import LoggedMetrics
from chalicelib.aws.names import Tables, archive_of, bucket_of, ready_made_of
from chalicelib.aws.notices import SnsNotices
from chalicelib.aws.old_tables import OldTables
from chalicelib.aws.parameters import SsmSecrets
from chalicelib.aws.submit_budget import AccountBudget
from chalicelib.aws.submitting import Pace, Submitter
from chalicelib.aws.translation import translated
from chalicelib.aws.uploads import S3Uploads
from chalicelib.bootstrap.onlooking import Onlooker
from chalicelib.bootstrap.own_verbs import OwnVerbs
from chalicelib.config import AWS, Settings, Stage
from chalicelib.core.batch import JobDetail
from chalicelib.core.guarding import Allowed
from chalicelib.core.lifecycle import RunStatus
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.local.clock import SystemClock
from chalicelib.local.webhooks import HttpWebhooks, Transport, post_from_aws
from chalicelib.ports import AccessPorts, Clock, JobLogs
from chalicelib.services import archiving
from chalicelib.services.driving import ExecutionDrivers
from chalicelib.services.migrating import OldItem
from chalicelib.services.reconciling import look_after_drivers
from chalicelib.services.repeating import Requests
from chalicelib.verbs.asked import Verbs

_LOOK = 2.0  # s between two looks at a run that the state machine drives
_TO_LOOK = (
    600_000  # ms that a person may wait for a look at all unfinished runs: as long as it takes
)
_TO_SUBMIT = 60.0  # s that handing over one batch may take: less than a function leaves itself


@dataclass(frozen=True, slots=True)
class Account:
    """Where a stage is."""

    partition: str
    region: str
    account: str
    caller: str  # the last part of the caller's ARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The time that passes for the adapters of a stage, and what is left to chance."""

    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    chance: Random = field(default_factory=SystemRandom)


def stage_ports(
    settings: Settings,
    factory: ClientFactory | None = None,
    timing: Timing | None = None,
    transport: Transport = post_from_aws,
) -> DrivingPorts:
    """Everything of a stage. Asks AWS once, for the account. Raises BackendError."""
    stage = settings.stage
    clients = Clients(factory or session_of(stage.region, stage.profile))
    return wire(stage, clients, account_of(clients), timing or Timing(), transport)


def wire(
    stage: Stage,
    clients: Clients,
    where: Account,
    timing: Timing,
    transport: Transport = post_from_aws,
) -> DrivingPorts:
    """The adapters of a stage, each with the names of what it talks to."""
    clock = timing.clock
    bucket = stage.bucket or bucket_of(stage.name, where.account, where.region)
    tables, documents = Tables(stage.name), Documents(clients, bucket)
    marks = DynamoWakes(clients, tables)
    executions = StepFunctionsExecutions(clients, _state_machine(stage, where), stage.turns)
    budget = AccountBudget(clients, tables, clock, stage.submit_rate)
    pace = Pace(
        budget=budget,
        clock=clock,
        sleep=timing.sleep,
        remaining=lambda: _TO_SUBMIT,
        chance=timing.chance,
    )
    allowed = Allowed(
        definitions=stage.definitions, queues=stage.queues, ready_made=ready_made_of(stage.name)
    )
    archive = stage.archive_bucket or archive_of(stage.name, where.account, where.region)
    runs = DynamoRuns(clients, tables, documents, clock)
    triggers = DynamoTriggers(clients, tables)
    return DrivingPorts(
        schedules=DynamoSchedules(clients, tables, documents),
        runs=runs,
        queue=BatchQueue(clients, Submitter(clients, pace), allowed),
        clock=clock,
        triggers=triggers,
        calendars=triggers,
        drivers=ExecutionDrivers(marks, executions),
        marks=marks,
        executions=executions,
        notices=SnsNotices(clients, stage.topic_arn or _arn(where, "sns", stage, "")),
        archive=S3Archive(clients, archive),
        uploads=S3Uploads(clients, bucket),
        retention=runs,
        outbox=DynamoOutbox(clients, tables),
        claims=DynamoClaims(clients, tables),
        webhooks=HttpWebhooks(SsmSecrets(clients, stage.name), clock, transport),
        metrics=LoggedMetrics(stage.name, clock),
        keep=timedelta(days=stage.keep_days) if stage.keep_days else None,
        where=("--edition", AWS, "--stage", stage.name),
    )


def stage_access(
    settings: Settings, factory: ClientFactory | None = None, timing: Timing | None = None
) -> AccessPorts:
    """The tokens of a stage. Asks AWS nothing yet. Raises BackendError."""
    stage = settings.stage
    clients = Clients(factory or session_of(stage.region, stage.profile))
    return _access(stage, clients, timing or Timing())


def _access(stage: Stage, clients: Clients, timing: Timing) -> AccessPorts:
    return AccessPorts(tokens=DynamoTokens(clients, Tables(stage.name)), clock=timing.clock)


def account_of(clients: Clients) -> Account:
    """Who and where we are (GetCallerIdentity, which needs no permission). Raises BackendError."""
    with translated("STS", "GetCallerIdentity"):
        client = clients["sts"]
        identity = client.get_caller_identity()
    partition = identity["Arn"].split(":")[1]
    caller = identity["Arn"].rpartition(":")[2]
    return Account(partition, client.meta.region_name, identity["Account"], caller)


class AwsEdition:
    """A stage as a person's program works with it: the state machine drives, we look on."""

    def __init__(
        self,
        settings: Settings,
        factory: ClientFactory | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Ask AWS nothing until it is needed. Raises BackendError for a profile there is not."""
        stage = settings.stage
        self._settings = settings
        self._timing = timing or Timing()
        self._clients = Clients(factory or session_of(stage.region, stage.profile))
        self.logs: JobLogs = BatchLogs(self._clients)
        self.requests: Requests = DynamoRequests(self._clients, Tables(stage.name))
        self.directory = ""
        self.verbs: Verbs = OwnVerbs(self, lambda: self.actor)

    @cached_property
    def ports(self) -> DrivingPorts:
        return wire(self._settings.stage, self._clients, self._account, self._timing)

    def chance(self, count: int) -> bytes:
        """So many bytes that nobody can know."""
        return token_bytes(count)

    @cached_property
    def access(self) -> AccessPorts:
        return _access(self._settings.stage, self._clients, self._timing)

    @property
    def actor(self) -> str:
        return self._account.caller

    @cached_property
    def _account(self) -> Account:
        return account_of(self._clients)

    def prepare(self) -> None:
        """Nothing to do: AWS is up."""

    def driver(self, doing: str) -> Onlooker:
        del doing
        return Onlooker(self.holder(), _LOOK)

    def holder(self) -> str:
        return f"the state machine batch-scheduler-{self._settings.stage.name}"

    def peek_details(self, job_ids: Sequence[str]) -> list[JobDetail]:
        return self.ports.queue.describe(job_ids)

    def look_after(self) -> int:
        """Give every unfinished run without a driver an execution."""
        return look_after_drivers(self.ports, lambda: _TO_LOOK)

    def undelivered(self) -> int:
        """None: the functions deliver."""
        return 0

    def old_items(self, schedules: str, history: str) -> Iterator[OldItem]:
        """What the tables of the first version hold, in the same account and region."""
        return OldTables(self._clients, schedules, history).items()

    def archive(self, header: RunHeader) -> str:
        """Write it to the archive bucket unless it is there as it is."""
        return archiving.archive(self.ports, header)

    def start_background(self) -> str:
        """Give every unfinished run without a driver an execution, and say how many had none."""
        found = self.look_after()
        running = len(self.ports.runs.find_headers(status=RunStatus.RUNNING))
        return f"{self.holder()}: {found} of {running} runs were taken up"

    def close(self) -> None:
        """Nothing to close: what AWS does goes on."""


def _state_machine(stage: Stage, where: Account) -> str:
    return stage.state_machine_arn or _arn(where, "states", stage, "stateMachine:")


def _arn(where: Account, service: str, stage: Stage, kind: str) -> str:
    place = f"{where.partition}:{service}:{where.region}:{where.account}"
    return f"arn:{place}:{kind}batch-scheduler-{stage.name}"
