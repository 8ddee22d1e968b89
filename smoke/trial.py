"""One trial of a stage: what it talks to, how long it may take, and what it leaves behind."""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.names import Tables
from chalicelib.aws.translation import code_of
from chalicelib.bootstrap.on_aws import Account
from chalicelib.core.batch import Accepted, Submission
from chalicelib.core.loading import load
from chalicelib.core.naming import queue_name, run_id
from chalicelib.core.reading import parse
from chalicelib.core.reserving import identified, identity_of, tags_of
from chalicelib.core.run import RunHeader
from chalicelib.driving_ports import DrivingPorts
from chalicelib.ports import Clock
from chalicelib.services import schedules

Seen = TypeVar("Seen")
Reply = Mapping[str, Any]

LOOK = 5.0  # s between two looks at what is waited for
ENDED = ("SUCCEEDED", "FAILED")


class NotSeenError(Exception):
    """Something did not happen in the time there was, or could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stage, where it is, and what its jobs are submitted to."""

    stage: str
    where: Account
    bucket: str
    archive: str
    queue: str
    definition: str  # runs its parameter `script`

    @property
    def name(self) -> str:
        """What the names of the stage's resources begin with."""
        return f"batch-scheduler-{self.stage}"

    @property
    def tables(self) -> Tables:
        return Tables(self.stage)

    def arn(self, service: str, resource: str) -> str:
        where = self.where
        return f"arn:{where.partition}:{service}:{where.region}:{where.account}:{resource}"

    @property
    def state_machine(self) -> str:
        return self.arn("states", f"stateMachine:{self.name}")


@dataclass(slots=True, kw_only=True)
class Trial:
    """What every check works with. `mark` begins the names of all that is made."""

    place: Place
    clients: Clients
    ports: DrivingPorts
    clock: Clock
    sleep: Callable[[float], None]
    mark: str  # like no other trial's
    ends_at: datetime
    began_at: datetime = field(init=False)
    jobs: dict[str, str] = field(default_factory=dict)  # ids of submitted jobs, by their name here
    executions: dict[str, str] = field(default_factory=dict)  # inputs of executions, by name
    schedules: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.began_at = self.clock()

    # Waiting

    def pause(self) -> None:
        self.sleep(LOOK)

    def until(self, what: str, look: Callable[[], Seen | None]) -> Generator[None, None, Seen]:
        """Wait, while other checks go on, until `look` gives something."""
        while (seen := look()) is None:
            if self.clock() >= self.ends_at:
                raise NotSeenError(f"{what}: not within {self.seconds():.0f} s")
            yield
        return seen

    def rest(self, seconds: float) -> Generator[None, None, None]:
        """Let that much time pass, while other checks go on."""
        over = self.clock() + timedelta(seconds=seconds)
        yield from self.until(f"{seconds:.0f} s", lambda: True if self.clock() >= over else None)

    def seconds(self) -> float:
        """How long the trial has taken until now."""
        return (self.clock() - self.began_at).total_seconds()

    # Jobs that no run has

    def job(
        self, name: str, script: str = "true", upstream: tuple[str, ...] = (), **members: Any
    ) -> str:
        """The id of the job of that name, submitted when it is first asked for."""
        if name not in self.jobs:
            self.jobs[name] = self._submitted(self.submission(name, script, upstream, **members))
        return self.jobs[name]

    def submission(
        self, name: str, script: str = "true", upstream: tuple[str, ...] = (), **members: Any
    ) -> Submission:
        """A job as a run would submit it, but of a run that is not there."""
        of_run = run_id(self.mark, self.began_at)
        identity = identity_of(of_run, name, 1)
        request = {
            "jobQueue": self.place.queue,
            "jobDefinition": self.place.definition,
            "parameters": {"script": script},
            **members,
        }
        return Submission(
            job_name=queue_name(of_run, f"{self.mark}-{name}", 1),
            request=identified(request, identity),
            depends_on=upstream,
            tags=tags_of(identity),
        )

    def _submitted(self, submission: Submission) -> str:
        (outcome,) = self.ports.queue.submit([submission])
        if not isinstance(outcome, Accepted):
            raise NotSeenError(f"the job was not taken: {outcome}")
        return outcome.job_id

    def described(self, job_id: str) -> Reply | None:
        """What AWS Batch says of the job now, in its own words."""
        jobs = self.clients["batch"].describe_jobs(jobs=[job_id])["jobs"]
        return jobs[0] if jobs else None

    def ended(self, job_id: str) -> Generator[None, None, Reply]:
        return (yield from self.reached(job_id, ENDED))

    def reached(self, job_id: str, statuses: tuple[str, ...]) -> Generator[None, None, Reply]:
        def look() -> Reply | None:
            found = self.described(job_id)
            return found if found is not None and found["status"] in statuses else None

        return (yield from self.until(f"{' or '.join(statuses)} of job {job_id}", look))

    # Runs of the stage

    def schedule(self, name: str, jobs: list[dict[str, Any]], wait: int = 60) -> str:
        """Store a schedule of jobs with a `script`, and give its id."""
        schedule_id = f"{self.mark}-{name}"
        if schedule_id not in self.schedules:
            self.schedules.add(schedule_id)
            text = self.document(schedule_id, jobs, wait)
            schedules.put(self.ports, load(parse(text.encode(), "schedule.json")), "smoke")
        return schedule_id

    def document(self, schedule_id: str, jobs: list[dict[str, Any]], wait: int = 60) -> str:
        common = {"jobQueue": self.place.queue, "jobDefinition": self.place.definition}
        made = [
            {
                "jobName": each["name"],
                "parameters": {"script": each.get("script", "true")},
                "jobDependencies": each.get("after", []),
                **common,
            }
            for each in jobs
        ]
        return json.dumps({"scheduleId": schedule_id, "wait_time": wait, "jobList": made})

    def start(self, schedule_id: str) -> str:
        """Start a run by the message that people have always sent; the execution's name."""
        message = {"scheduleId": schedule_id, "startDateTime": " ", "scheduleStatus": " "}
        if schedule_id not in self.executions:
            self.executions[schedule_id] = json.dumps(message)
            self.clients["stepfunctions"].start_execution(
                stateMachineArn=self.place.state_machine,
                name=schedule_id,
                input=self.executions[schedule_id],
            )
        return schedule_id

    def execution(self, name: str) -> str:
        """The ARN of an execution."""
        return self.place.arn("states", f"execution:{self.place.name}:{name}")

    def run(self, schedule_id: str) -> Generator[None, None, RunHeader]:
        """The only run of a schedule, as soon as it is there."""
        self.start(schedule_id)

        def look() -> RunHeader | None:
            found = self.ports.runs.find_headers(schedule_id=schedule_id, limit=1)
            return found[0] if found else None

        return (yield from self.until(f"the run of {schedule_id}", look))

    def run_ended(self, schedule_id: str) -> Generator[None, None, RunHeader]:
        header = yield from self.run(schedule_id)

        def look() -> RunHeader | None:
            found = self.ports.runs.get_header(header.run_id)
            return found if found.status != "RUNNING" else None

        return (yield from self.until(f"the end of run {header.run_id}", look))

    def execution_ended(self, name: str) -> Generator[None, None, Reply]:
        def look() -> Reply | None:
            found = self.execution_now(name)
            return found if found is not None and found["status"] != "RUNNING" else None

        return (yield from self.until(f"the end of execution {name}", look))

    def execution_now(self, name: str) -> Reply | None:
        """What Step Functions says of an execution; None as long as it can't be described."""
        client = self.clients["stepfunctions"]
        try:
            found: Reply = client.describe_execution(executionArn=self.execution(name))
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return None
            raise
        return found

    def history(self, name: str) -> list[Reply]:
        """The events of an execution, oldest first."""
        pages = self.clients["stepfunctions"].get_paginator("get_execution_history")
        request = {"executionArn": self.execution(name), "includeExecutionData": False}
        return [event for page in pages.paginate(**request) for event in page["events"]]
