"""A state directory with a run on record, and a terminal over it; no host, no engine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import open_own_edition
from chalicelib.cli.main import main
from chalicelib.config import read_settings
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.run import Change, JobState, RunHeader
from chalicelib.core.schedule import JobSpec, TriggerRule
from chalicelib.local.host_slates import log_name
from chalicelib.local.sqlite_store import SqliteStore
from chalicelib.ports import RunChange
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest
from chalicelib.services.waiting_starts import Waiting
from tests.unit.runs import NOW, after, gate, spec, state

RUN = "etl/2026-11-23T11:00:00.000000Z"

JOBS = (
    spec("orders"),
    spec("customers"),
    spec("clean", "orders", "customers"),
    spec("load", "clean", request={"containerOverrides": {"command": ["load"], "memory": 512}}),
    spec("report", "load"),
    spec("crunch", "clean"),
    gate("sign-off"),
    spec("publish", "sign-off", "crunch"),
    spec("tidy", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
)
STATES = {
    "orders": state("orders", JobStatus.SUCCEEDED, exit_code=0, started_at=NOW),
    "customers": JobState(status=JobStatus.PASS, reason="pass by ada: known good"),
    "clean": state("clean", JobStatus.SUCCEEDED, exit_code=0, started_at=NOW, stopped_at=NOW),
    "load": state(
        "load",
        JobStatus.FAILED,
        exit_code=137,
        started_at=NOW,
        stopped_at=after(90),
        reason="exit 137: OutOfMemoryError: killed",
    ),
    "report": JobState(status=JobStatus.UPSTREAM_FAILED, reason="upstream 'load' is FAILED"),
    "crunch": state("crunch", JobStatus.RUNNING, started_at=NOW),
    "sign-off": JobState(status=JobStatus.HELD, reason="a gate: waits for its release"),
    "publish": JobState(),
    "tidy": JobState(),
}


class Desk:
    """Types verbs over a state directory, and puts things on record there."""

    def __init__(self, directory: Path, screen: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.screen = screen

    def type(self, *words: str) -> tuple[int, str, str]:
        """The exit code of a verb, its standard output and its standard error."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("BATCH_SCHEDULER_STATE", str(self.directory))
            code = main(list(words))
        said = self.screen.readouterr()
        return code, said.out, said.err

    def read(self, *words: str) -> str:
        """What a verb that succeeds prints."""
        code, out, err = self.type(*words)
        assert code == 0, err
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.read(*words, "--json"))

    def beside(self, name: str) -> "Desk":
        """A desk over another state directory."""
        return Desk(self.directory.with_name(name), self.screen)

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        store = SqliteStore.open(self.directory)
        try:
            yield store
        finally:
            store.close()

    def record_run(
        self,
        run_id: str = RUN,
        specs: tuple[JobSpec, ...] = JOBS,
        states: dict[str, JobState] | None = None,
        **members: Any,
    ) -> RunHeader:
        """Put a run on record; it started an hour before NOW."""
        states = STATES if states is None else states
        given = {
            "schedule_id": run_id.partition("/")[0],
            "schedule_name": "Nightly load",
            "schedule_version": 3,
            "started_at": NOW - timedelta(hours=1),
            "started_by": "ada",
            "parameters": {"date": "2026-11-23"},
        }
        made = RunHeader(run_id=run_id, **{**given, **members})
        with self.store() as store:
            store.create_run(made, specs, states)
        return made

    def move(self, run_id: str, job: str, act: Act, **members: Any) -> None:
        """Change one job, as the engine would."""
        with self.store() as store:
            header = store.get_header(run_id)
            before = store.get_jobs(run_id, [job])[0].state
            moved = replace(before, version=before.version + 1, **members)
            store.record(header, [Change(job, act, before, moved, NOW)])

    def end(self, run_id: str, status: RunStatus) -> None:
        """End a run an hour after NOW."""
        with self.store() as store:
            before = store.get_header(run_id)
            ended = replace(before, status=status, ended_at=after(3600), revision=1)
            change = RunChange(
                act="END", before=before.status, after=status, at=after(3600), actor="engine"
            )
            store.record(before, [], after=ended, run_changes=[change])

    def restart(self, run_id: str, at: datetime, *, until: datetime) -> None:
        """Begin another generation, and let it succeed."""
        with self.store() as store:
            before = store.get_header(run_id)
            begun = replace(before, status=RunStatus.RUNNING, generation=before.generation + 1,
                            ended_at=None, revision=before.revision + 1)  # fmt: skip
            change = RunChange(
                act="RESTART", before=before.status, after=begun.status, at=at, actor="ada"
            )
            store.record(before, [], after=begun, run_changes=[change])
            ended = replace(begun, status=RunStatus.SUCCEEDED, ended_at=until,
                            revision=begun.revision + 1)  # fmt: skip
            store.record(begun, [], after=ended)

    def ask(self, schedule_id: str) -> RunHeader | Waiting:
        """Start a run of a schedule as its server does for whoever asks over HTTP."""
        with open_own_edition(read_settings(state=self.directory)) as edition:
            ports = edition.ports
            request = StartRequest(actor="ada", at=ports.clock(), reason="now")
            return ask(ports, ports.schedules.get_schedule(schedule_id), request)

    def write_log(self, job_id: str, text: str, attempt: int = 1) -> None:
        """Add to what a job wrote."""
        path = self.directory / "logs" / log_name(job_id, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(text)
