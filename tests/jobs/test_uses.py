"""What documents say by `uses` and `with`, as the real command lines of batch-job read it."""

import io
from argparse import ArgumentParser
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core.kind_document import KINDS, model_of
from fetch_and_run.exits import Exit
from fetch_and_run.kinds import KINDS as COMMANDS
from fetch_and_run.kinds import kind_of
from fetch_and_run.main import main
from fetch_and_run.web.rules import Condition, Statuses
from fetch_and_run.world import World
from tests.builders import job, spec

SUM = "ab" * 32
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:load"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:warehouse-a1b2c3"  # noqa: S105
Fields = dict[str, Any]

# The kind, its fields, and what its command line makes of them.
SAID: list[tuple[str, Fields, Fields]] = [
    (
        "glue",
        {
            "job": "load",
            "arguments": {"--table": "orders=all", "day": "-1"},
            "workerType": "G.1X",
            "workers": 2,
            "executionClass": "FLEX",
            "runTimeout": 30,
            "securityConfiguration": "ours",
            "timeout": 3600,
        },
        {
            "job": "load",
            "crawler": None,
            "arguments": [("--table", "orders=all"), ("--day", "-1")],
            "worker_type": "G.1X",
            "workers": 2,
            "execution_class": "FLEX",
            "run_timeout": 30,
            "security_configuration": "ours",
            "timeout": 3600.0,
        },
    ),
    ("glue", {"job": "shell", "maxCapacity": 0.0625}, {"job": "shell", "max_capacity": 0.0625}),
    ("glue", {"crawler": "landing"}, {"crawler": "landing", "job": None}),
    (
        "lambda",
        {"function": "report", "qualifier": "live", "payload": {"a": [1, None]}, "timeout": 60}
        | {"outputs": {"rows": "result.rows"}},
        {"function": "report", "qualifier": "live", "payload": '{"a": [1, null]}', "timeout": 60.0}
        | {"outputs": [("rows", "result.rows")], "is_async": False},
    ),
    (
        "lambda",
        {"function": "-r", "payloadFile": "/app/p.json", "async": True},
        {"function": "-r", "is_async": True},
    ),
    (
        "stepfunctions",
        {"stateMachine": MACHINE, "input": ["é"], "outputs": {"id": "items.0.id"}, "timeout": 60},
        {"state_machine": MACHINE, "input": '["é"]', "outputs": [("id", "items.0.id")]},
    ),
    (
        "stepfunctions",
        {"stateMachine": f"{MACHINE}:live", "inputFile": "/app/input.json"},
        {"state_machine": f"{MACHINE}:live", "input": None},
    ),
    (
        "ec2",
        {
            "action": "run",
            "instances": ["i-0123456789abcdef0", "mi-0123456789abcdef0"],
            "command": "-x; echo 'a b'",
            "directory": "/srv",
            "logGroup": "/ours",
            "timeout": 60,
        },
        {
            "action": "run",
            "instances": ["i-0123456789abcdef0", "mi-0123456789abcdef0"],
            "tags": [],
            "text": "-x; echo 'a b'",
            "directory": "/srv",
            "log_group": "/ours",
        },
    ),
    (
        "ec2",
        {"action": "run", "tags": {"team": "a=b"}, "script": "s3://ours/jobs/clean.sh"},
        {"tags": [("team", "a=b")], "script": "s3://ours/jobs/clean.sh"},
    ),
    ("ec2", {"action": "stop", "instances": ["i-01234567"]}, {"instances": ["i-01234567"]}),
    (
        "redshift",
        {
            "cluster": "warehouse",
            "database": "sales",
            "user": "loader",
            "file": "s3://ours/sql/load.sql",
            "parameters": {"day": "2026-11-30"},
            "timeout": 60,
        },
        {
            "cluster": "warehouse",
            "database": "sales",
            "user": "loader",
            "file": "s3://ours/sql/load.sql",
            "parameters": [("day", "2026-11-30")],
        },
    ),
    (
        "redshift",
        {"workgroup": "w", "database": "sales", "secret": SECRET, "sql": "-- all\nselect 1"},
        {"workgroup": "w", "secret": SECRET, "sql": "-- all\nselect 1"},
    ),
    (
        "sftp",
        {
            "action": "get",
            "server": "sftp://partner.example:2222/out/daily.csv",
            "here": "s3://ours/received/daily.csv",
            "user": "ours",
            "passwordFrom": "env:SFTP_SECRET",
            "keyFrom": "file:/run/key",
            "passphraseFrom": "env:PASSPHRASE",
            "knownHostsFrom": "file:/run/known_hosts",
            "hostKeys": ["SHA256:abc", "SHA256:def"],
            "sha256": SUM,
            "sha256Beside": True,
            "retries": 0,
            "timeout": 60,
        },
        {
            "action": "get",
            "server": "sftp://partner.example:2222/out/daily.csv",
            "here": "s3://ours/received/daily.csv",
            "user": "ours",
            "password_from": "env:SFTP_SECRET",
            "key_from": "file:/run/key",
            "passphrase_from": "env:PASSPHRASE",
            "known_hosts_from": "file:/run/known_hosts",
            "host_key": ["SHA256:abc", "SHA256:def"],
            "sha256": SUM,
            "sha256_beside": True,
            "retries": 0,
        },
    ),
    (
        "sftp",
        {"action": "wait", "server": "sftp://h/in/*.csv", "user": "u", "stable": 5, "every": 1},
        {"action": "wait", "server": "sftp://h/in/*.csv", "stable": 5.0, "every": 1.0},
    ),
    (
        "ftp",
        {
            "action": "put",
            "server": "ftp://partner.example/in/",
            "here": "-report.csv",
            "user": "ours",
            "passwordFrom": "env:FTP_SECRET",
            "tls": True,
            "caFrom": "file:/run/ca.pem",
            "sha256": SUM,
            "sha256Beside": False,
            "retries": 3,
            "timeout": 60,
        },
        {
            "action": "put",
            "server": "ftp://partner.example/in/",
            "here": "-report.csv",
            "user": "ours",
            "password_from": "env:FTP_SECRET",
            "tls": True,
            "ca_from": "file:/run/ca.pem",
            "sha256": SUM,
            "sha256_beside": False,
            "retries": 3,
        },
    ),
    (
        "ftp",
        {"action": "wait", "server": "ftp://h/in/day.csv", "stable": 5, "every": 1},
        {"user": "anonymous", "stable": 5.0, "every": 1.0},
    ),
    (
        "http",
        {
            "url": "https://api.example/loads?day=1",
            "method": "PUT",
            "headers": {"Accept": "text/csv: x", "X-Day": "1"},
            "secretHeaders": {"X-Api-Key": "env:HTTP_SECRET"},
            "bearerFrom": "file:/run/token",
            "body": {"day": 1, "é": None},
            "idempotencyKey": "Idempotency-Key",
            "plain": True,
            "caFrom": "file:/run/ca.pem",
            "expect": "200,2xx",
            "outputs": {"rows": "result.rows"},
            "print": True,
            "maxBytes": 10,
            "answerWithin": 5,
            "pollUrl": "https://api.example/loads/{id}",
            "until": {"state": ["done", "empty"], "ok": True},
            "fail": {"state": "broken"},
            "cancelUrl": "poll",
            "cancelMethod": "POST",
            "timeout": 60,
        },
        {
            "url": "https://api.example/loads?day=1",
            "method": "PUT",
            "header": ["Accept: text/csv: x", "X-Day: 1"],
            "secret_header": ["X-Api-Key=env:HTTP_SECRET"],
            "bearer_from": "file:/run/token",
            "body": '{"day": 1, "é": null}',
            "idempotency_key": "Idempotency-Key",
            "plain": True,
            "ca_from": "file:/run/ca.pem",
            "expect": Statuses("200,2xx"),
            "output": [("rows", "result.rows")],
            "prints": True,
            "max_bytes": 10,
            "answer_within": 5,
            "poll_url": "https://api.example/loads/{id}",
            "until": [
                Condition("state", "done"),
                Condition("state", "empty"),
                Condition("ok", "true"),
            ],
            "fail": [Condition("state", "broken")],
            "cancel_url": "poll",
            "cancel_method": "POST",
        },
    ),
    ("http", {"url": "http://localhost:8080", "body": "--x"}, {"body": "--x", "method": None}),
    ("http", {"url": "https://h/a", "bodyFile": "/app/body"}, {"body_file": "/app/body"}),
]


def request(kind: str, fields: Fields) -> Fields:
    made = spec(job("a", command=None, uses=kind, **{"with": fields})).request
    overrides: Fields = made["containerOverrides"]
    assert made == {"uses": kind, "containerOverrides": overrides}
    return overrides


def read(words: list[str]) -> Fields:
    """What batch-job makes of a command, all of it."""
    program, kind, *_ = words
    parser = ArgumentParser(prog=program)
    of_kind = parser.add_subparsers(dest="command").add_parser(kind)
    kind_of(kind).add_arguments(of_kind)
    return vars(parser.parse_args(words[1:]))


@pytest.mark.parametrize(("kind", "fields", "expected"), SAID)
def test_the_command_line_of_a_kind_reads_what_a_document_says(
    kind: str, fields: Fields, expected: Fields
) -> None:
    made = read(request(kind, fields)["command"])
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_field_of_a_kind_is_read_in_one_of_these(kind: str) -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for each, fields, _ in SAID:
        said[each] |= fields.keys()
    declared = {field.alias for field in model_of(kind).model_fields.values()}
    assert said[kind] == declared


def test_every_command_that_drives_work_elsewhere_can_be_used() -> None:
    assert set(KINDS) == {*COMMANDS, "script"}


@pytest.mark.parametrize("program", ["", "bin/load"])
def test_a_script_is_read_and_stopped_by_nothing_but_what_may_be_fetched(program: str) -> None:
    fields = {"url": "s3://ours/load.sh", "version": "v1", "sha256": SUM, "arguments": ["--x"]}
    said = request("script", {**fields, "program": program} if program else fields)
    variables = {each["name"]: each["value"] for each in said["environment"]}
    err = io.StringIO()
    assert main(said["command"], world(variables, err)) == Exit.REFUSED
    assert err.getvalue().startswith("batch-job: BATCH_FILE_ALLOWED is not set")
    elsewhere = {**variables, "BATCH_FILE_ALLOWED": "s3://theirs"}
    assert main(said["command"], world(elsewhere, err)) == Exit.REFUSED
    assert "s3://ours/load.sh is not below s3://theirs" in err.getvalue()


def world(environment: dict[str, str], err: io.StringIO) -> World:
    """One in which nothing is on record."""
    return World(
        now=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        sleep=lambda _: None,
        chance=lambda: 0.0,
        environment=environment,
        who=None,
        claims=None,
        out=io.StringIO(),
        err=err,
    )
