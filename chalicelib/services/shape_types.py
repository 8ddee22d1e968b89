"""The JSON that verbs print and the HTTP API answers, as types: docs/json.md tells of each key.

Pydantic makes the API's description of them, so they are those of typing_extensions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from typing_extensions import TypedDict

from chalicelib.core.lifecycle import JobStatus, RunStatus


@dataclass(frozen=True, slots=True)
class OneOf:
    """Tells pydantic the words that a text is one of, without an import of it: that takes time."""

    words: Iterable[str]

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "enum": list(map(str, self.words))}


JobStatusName = Annotated[str, OneOf(JobStatus)]
RunStatusName = Annotated[str, OneOf(RunStatus)]
Value = str | int | float | bool


class RunShape(TypedDict):
    """One run."""

    runId: str
    scheduleId: str
    scheduleName: str
    startDateTime: str
    beganAt: str
    lastDateTime: str | None
    scheduleStatus: RunStatusName
    cancelling: str | None
    generation: int
    scheduleVersion: int
    parameters: dict[str, Value]
    startedBy: str
    reason: str | None
    counts: dict[str, int]
    archive: str | None
    detailsUntil: str | None
    scheduleDigest: str
    wait_time: int
    onFailure: str
    maxConcurrency: int | None
    workingDirectory: str | None
    driver: str | None
    handovers: int


class ShownRunShape(RunShape):
    """One run, and who drives runs now; null when nobody does."""

    drivenBy: str | None


class ProgressShape(TypedDict):
    """How far a job says that it is."""

    percent: float
    text: str | None
    at: str


class JobShape(TypedDict):
    """One job of a run."""

    jobName: str
    jobStatus: JobStatusName
    jobDependencies: list[str]
    jobId: str | None
    attempt: int
    startedAt: str | None
    stoppedAt: str | None
    seconds: float | None
    exitCode: int | None
    reason: str | None
    outputs: dict[str, str]
    links: dict[str, str]
    progress: ProgressShape | None


class WholeJobShape(JobShape):
    """One job of a run with what it froze, and with what is asked of it."""

    position: int
    triggerRule: str
    isFinally: bool
    hold: bool
    description: str | None
    request: dict[str, Any]
    asked: str | None
    notBefore: str | None


class EventShape(TypedDict):
    """One line of history; `jobName` is null for the run itself."""

    sequence: int
    at: str
    jobName: str | None
    act: str
    before: str
    after: str
    attempt: int
    jobId: str | None
    exitCode: int | None
    actor: str
    reason: str | None
    outputs: dict[str, str]
    links: dict[str, str]


class ScheduleShape(TypedDict):
    """One version of a schedule, without its document."""

    scheduleId: str
    scheduleName: str
    version: int
    digest: str
    jobs: int
    storedAt: str
    storedBy: str


class ValidationShape(TypedDict):
    """How large an acceptable schedule is."""

    scheduleId: str
    valid: Literal[True]
    jobs: int
    dependencies: int
    depth: int


class ChangedJobShape(TypedDict):
    """What an operator's verb did to one job."""

    jobName: str
    act: str
    before: JobStatusName
    after: JobStatusName
    reason: str | None
    asked: str | None


class RefusedJobShape(TypedDict):
    """Why an operator's verb did nothing to one job, and what is possible instead."""

    jobName: str
    reason: str


class OperationShape(TypedDict):
    """What an operator's verb did: each job it changed, each it could not and why."""

    runId: str
    changed: list[ChangedJobShape]
    refused: list[RefusedJobShape]


class RestartShape(TypedDict):
    """What a restart would do."""

    runId: str
    generation: int
    again: list[str]
    adopt: list[str]
    keep: list[str]
    inDoubt: list[str]
    atEnd: list[str]


class CauseShape(TypedDict):
    """One link of an explanation with the links below it."""

    jobName: str | None
    status: str | None
    sentence: str
    facts: list[str]
    more: int
    because: "list[CauseShape]"


class AdviceShape(TypedDict):
    """A command that is possible now, and what it would do."""

    command: str
    effect: str
    words: list[str]
    jobName: str | None


class ExplanationShape(TypedDict):
    """Why a run or a job stands where it stands."""

    runId: str
    cause: CauseShape
    logs: dict[str, list[str]]
    possible: list[AdviceShape]


class GraphJobShape(TypedDict):
    """A job as it is drawn."""

    jobName: str
    jobDependencies: list[str]
    layer: int
    jobStatus: str | None
    note: str | None


class GraphShape(TypedDict):
    """A graph as it is drawn."""

    title: str
    jobs: list[GraphJobShape]


class AttemptShape(TypedDict):
    """One attempt of a job; `status` is null while it lasts."""

    attempt: int
    jobId: str | None
    handedOverAt: str
    startedAt: str | None
    stoppedAt: str | None
    status: str | None
    exitCode: int | None


class TimelineJobShape(TypedDict):
    """The attempts of a job."""

    jobName: str
    jobStatus: JobStatusName
    attempts: list[AttemptShape]


class DifferenceShape(TypedDict):
    """What two versions of a schedule differ in; `unified` is for people."""

    scheduleId: str
    before: int
    after: int
    added: list[str]
    removed: list[str]
    changed: list[str]
    fields: list[str]
    unified: list[str]


class LogShape(TypedDict):
    """What a job wrote."""

    runId: str
    jobName: str
    jobStatus: JobStatusName
    jobId: str | None
    attempt: int | None
    queueAttempt: int | None
    exists: bool
    lines: list[str]


class LogPartShape(LogShape):
    """Part of what a job wrote, and where to read on; null when there is no log."""

    nextOffset: int | None
    hasEnded: bool
    isForgotten: bool
    children: int


class TokenShape(TypedDict):
    """A token, without its secret."""

    tokenId: str
    name: str
    role: str
    scopes: list[str]
    standing: str
    createdAt: str
    createdBy: str
    expiresAt: str
    revokedAt: str | None
    revokedBy: str | None
    lastUsedAt: str | None


class FireTimeShape(TypedDict):
    """A fire time to come, in UTC and on the trigger's wall clock."""

    scheduleId: str
    trigger: str
    fireTime: str
    localTime: str
    readyAt: str
    localReadyAt: str
    note: str | None


class BrokenTriggerShape(TypedDict):
    """A trigger whose fire times can't be told, and why."""

    scheduleId: str
    trigger: str
    reason: str


class PauseShape(TypedDict):
    """Who keeps a schedule from starting by itself."""

    actor: str
    at: str
    reason: str | None


class WaitingShape(TypedDict):
    """A start that waits: for its window, or for the end of the run before it."""

    runId: str
    scheduleId: str
    waits: Literal[True]
    notBefore: str
    notAfter: str | None
    trigger: str
    startedBy: str
    reason: str | None


class ScheduleEventShape(TypedDict):
    """A line of a schedule's history; `runId` is that of the start that it was about."""

    at: str
    act: str
    actor: str
    reason: str | None
    runId: str | None


class DroppedStartShape(TypedDict):
    """A start that waited, and was taken away before it became a run."""

    runId: str
    scheduleId: str
    waits: Literal[False]
    dropped: ScheduleEventShape


class ScheduleHistoryShape(TypedDict):
    """Versions of a schedule, and what people did to it besides storing them, newest first."""

    scheduleId: str
    versions: list[ScheduleShape]
    events: list[ScheduleEventShape]


class NextShape(TypedDict):
    """The next fire times of a schedule, what keeps others from being told, and its pause.

    `waiting` are the starts that wait, in their order.
    """

    scheduleId: str
    paused: PauseShape | None
    fireTimes: list[FireTimeShape]
    problems: list[BrokenTriggerShape]
    waiting: list[WaitingShape]


class PausedShape(TypedDict):
    """Whether triggers start runs of a schedule."""

    scheduleId: str
    paused: PauseShape | None


class CalendarShape(TypedDict):
    """A calendar with its document; one that is built in has revision 0, and nobody stored it."""

    name: str
    revision: int
    builtIn: bool
    storedAt: str | None
    storedBy: str | None
    document: dict[str, Any]
