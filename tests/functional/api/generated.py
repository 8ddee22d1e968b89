"""Requests made of the API's own description, by schemathesis, to an app in this process."""

import copy
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib.api.openapi import description
from chalicelib.core.lifecycle import JobStatus, RunStatus
from chalicelib.core.naming import run_id
from chalicelib.core.run import JobState, RunHeader
from chalicelib.services import schedules
from chalicelib.services.requesting import ask
from chalicelib.services.runs import StartRequest, start
from tests.builders import job, loaded
from tests.functional.api.desks import ADMIN, HttpDesk, memory_desk
from tests.unit.runs import NOW, after, header, spec, state
from tests.unit.stores import record_run

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
SCHEDULES = ("nightly", "weekly")
_AFRESH = 300  # requests, after which so many runs were started that lists of them take long
WAITING = "queued/2026-11-23T12:00:01.000000Z"  # a start that waits for the run before it
QUEUE = {"name": "api", "http": {}, "overlap": "queue"}
FAILED = "2026-11-23T10:00:00.000000Z"


def busy_desk() -> HttpDesk:
    """Schedules of several versions, runs in all statuses, logs."""
    desk = memory_desk()
    ports = desk.edition.ports
    for name in SCHEDULES:
        for more in ((), (job("more", "clean"),)):
            made = loaded(job("load"), job("clean", "load"), *more, scheduleId=name)
            stored = schedules.put(ports, made, "ada")
        start(ports, stored, StartRequest(actor="ada"))
        _ended_run(desk, name)
    queued = loaded(job("load"), scheduleId=WAITING.partition("/")[0], triggers=[QUEUE])
    stored = schedules.put(ports, queued, "ada")
    for moment in (NOW, after(1)):
        ask(ports, stored, StartRequest(actor="ada", at=moment))
    return desk


def _ended_run(desk: HttpDesk, name: str) -> None:
    moment = after(-7200)
    ended = header(
        run_id=run_id(name, moment),
        schedule_id=name,
        started_at=moment,
        status=RunStatus.FAILED,
        ended_at=after(-3600),
    )
    states: dict[str, JobState] = {
        "load": state("load", JobStatus.FAILED, started_at=moment, stopped_at=NOW, exit_code=3),
        "clean": state("clean", JobStatus.UPSTREAM_FAILED),
    }
    _record(desk, ended, states)


def _record(desk: HttpDesk, ended: RunHeader, states: dict[str, JobState]) -> None:
    record_run(desk.edition.ports, spec("load"), spec("clean", "load"), run=ended, **states)
    vars(desk.edition)["written"].lines["id-load", 1] = ["one", "two"]


@cache
def narrowed() -> dict[str, Any]:
    """The description, but for addresses: those of things that are there, and of some that aren't.

    Small documents only: to make others takes long, and they are refused at their first field.
    """
    made: dict[str, Any] = copy.deepcopy(description())
    for path in made["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "schedule_id":
                    parameter["schema"] = {"enum": [*SCHEDULES, "queued", "unknown"]}
                if parameter["name"] == "started_at":
                    starts = [
                        FAILED,
                        "2026-11-23T12:00:00.000000Z",
                        "2026-11-23",
                        "x",
                        WAITING.partition("/")[2],
                    ]
                    parameter["schema"] = {"enum": starts}
                if parameter["name"] == "job":
                    parameter["schema"]["examples"] = ["load", "l*"]
    made["components"]["schemas"]["Schedule"] = _SMALL
    return made


_WORD = {"enum": ["load", "clean", "", "a b"]}
_SMALL = {
    "type": "object",
    "required": ["scheduleId", "jobList"],
    "properties": {
        "scheduleId": {"enum": [*SCHEDULES, "new"]},
        "jobList": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["jobName", "command"],
                "properties": {
                    "jobName": _WORD,
                    "command": {"type": "array", "items": {"type": "string"}},
                    "jobDependencies": {"type": "array", "items": _WORD},
                },
            },
        },
    },
}


def wsgi_app() -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The app as WSGI has it, always asked by an administrator; now and then it starts afresh."""
    desks = (desk for desk in iter(busy_desk, None) for _ in range(_AFRESH))

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        desk = next(desks)
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size) if size else b""
        headers = {**dict(_headers(environ)), "authorization": json.dumps(ADMIN.to_context())}
        response = desk.send(environ["REQUEST_METHOD"], environ["REQUEST_URI"], headers, body)
        told = [(name, str(value)) for name, value in response.headers.items()]
        start_response(f"{response.status_code} x", told)
        is_packed = response.headers.get("Content-Encoding") == "gzip"
        return [gzip.decompress(response.body) if is_packed else response.body]

    return app


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value
    if environ.get("CONTENT_TYPE"):
        yield "content-type", environ["CONTENT_TYPE"]
