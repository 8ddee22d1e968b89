"""`uses` and `with`: what documents may say of ready-made kinds of work, and what becomes of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.kind_document import KINDS
from chalicelib.core.loading import load
from chalicelib.core.outputs import fill_outputs
from chalicelib.core.reading import parse
from chalicelib.core.resolving import resolve
from chalicelib.core.schedule import Reference
from chalicelib.core.schema import schema
from chalicelib.core.secrecy import HIDDEN, shown_document
from chalicelib.errors import InvalidInputError, Problem
from tests.builders import document, job, loaded, schedule, spec
from tests.json_schema import accepts
from tests.unit.test_checking import problem, problems

Fields = dict[str, Any]
SCHEMA = schema()
GLUE = {"job": "load"}
SFTP = {"action": "get", "server": "sftp://h/a", "here": "a", "user": "u"}
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:load"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:warehouse-a1b2c3"


def using(kind: str, name: str = "a", with_: object = None, **fields: Any) -> Fields:
    """A job that uses a kind."""
    return job(name, command=None, uses=kind, **{"with": with_}, **fields)


def command(*jobs: Fields, **fields: Any) -> list[str]:
    found: list[str] = spec(*jobs, **fields).request["containerOverrides"]["command"]
    return found


def wrong(kind: str, with_: object, **fields: Any) -> Problem:
    return problem(using(kind, with_=with_, **fields))


# What a kind becomes


def test_a_kind_becomes_the_command_that_does_it() -> None:
    found = spec(using("glue", with_={"job": "load", "workers": "2", "arguments": {"day": 1}}))
    assert found.request == {
        "uses": "glue",
        "containerOverrides": {
            "command": ["batch-job", "glue", "--job=load", "--argument=day=1", "--workers=2"]
        },
    }


def test_everything_else_of_a_job_stays_what_it_is() -> None:
    found = spec(
        using("glue", with_=GLUE, jobQueue="q", vcpus=None, environment={"A": 1}, tags={"t": "1"})
    )
    assert found.request["jobQueue"] == "q"
    assert found.request["tags"] == {"t": "1"}
    assert found.request["containerOverrides"]["environment"] == [{"name": "A", "value": "1"}]


def test_a_script_is_told_by_the_variables_of_fetch_and_run() -> None:
    fields = {"url": "s3://ours/jobs/load.sh", "version": "v1", "sha256": "aB" * 32}
    found = spec(using("script", with_={**fields, "arguments": ["-n", 5]}))
    overrides = found.request["containerOverrides"]
    assert overrides["command"] == ["batch-job", "run", "--", "load.sh", "-n", "5"]
    assert {item["name"]: item["value"] for item in overrides["environment"]} == {
        "BATCH_FILE_TYPE": "script",
        "BATCH_FILE_S3_URL": "s3://ours/jobs/load.sh",
        "BATCH_FILE_S3_VERSION": "v1",
        "BATCH_FILE_SHA256": "aB" * 32,
    }


def test_a_variable_of_the_job_does_not_change_what_is_fetched() -> None:
    environment = {"BATCH_FILE_S3_URL": "s3://theirs/x", "A": "1"}
    found = spec(using("script", with_={"url": "s3://ours/x"}, environment=environment))
    variables = found.request["containerOverrides"]["environment"]
    assert {"name": "BATCH_FILE_S3_URL", "value": "s3://ours/x"} in variables
    assert {"name": "A", "value": "1"} in variables
    assert len(variables) == 3


def test_of_an_archive_the_program_in_it_is_run() -> None:
    found = spec(using("script", with_={"url": "s3://ours/jobs.zip", "program": "bin/load"}))
    overrides = found.request["containerOverrides"]
    assert overrides["command"] == ["batch-job", "run", "--", "bin/load"]
    assert {"name": "BATCH_FILE_TYPE", "value": "zip"} in overrides["environment"]


@pytest.mark.parametrize(
    ("action", "words"),
    [("get", ["sftp://h/a", "here"]), ("put", ["here", "sftp://h/a"])],
)
def test_what_is_moved_is_named_before_where_it_goes(action: str, words: list[str]) -> None:
    fields = {**SFTP, "action": action, "here": "here"}
    assert command(using("sftp", with_=fields)) == [
        "batch-job", "sftp", action, "--user=u", "--", *words,
    ]  # fmt: skip


@pytest.mark.parametrize("is_async", [True, False])
def test_a_flag_is_said_when_it_is_true(is_async: bool) -> None:
    words = command(using("lambda", with_={"function": "f", "async": is_async}))
    assert words[2:] == ["--function=f", *(["--async"] if is_async else [])]


def test_a_condition_may_have_several_values_and_a_body_be_text() -> None:
    fields = {"url": "https://h", "until": {"state": ["a", 1], "ok": True}, "body": "x=1"}
    words = command(using("http", with_=fields))
    said = ["--body=x=1", "--until=state=a", "--until=state=1", "--until=ok=true"]
    assert words == ["batch-job", "http", *said, "--", "https://h"]


def test_a_list_is_said_member_by_member() -> None:
    words = command(using("ec2", with_={"action": "start", "instances": ["i-1", "i-2"]}))
    assert words[1:] == ["ec2", "start", "--instance=i-1", "--instance=i-2"]


@given(st.text("-= '\"\\{}é", min_size=1), st.text("ab-", min_size=1))
def test_no_value_is_taken_for_an_option_whatever_it_is(value: str, key: str) -> None:
    words = command(using("glue", with_={"job": value, "arguments": {key: value}}))
    assert words == ["batch-job", "glue", f"--job={value}", f"--argument={key}={value}"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("a\"'é"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("ab"), JSON) | st.lists(JSON))
def test_a_payload_arrives_as_it_was_written(payload: Any) -> None:
    made = loaded(using("lambda", with_={"function": "f", "payload": payload}))
    again = load(parse(made.text.encode()))
    assert again == made
    for each in (made, again):
        schedule, _ = resolve(each, {})
        word = schedule.jobs[0].request["containerOverrides"]["command"][-1]
        assert json.loads(word.removeprefix("--payload=")) == payload


def test_numbers_of_tables_are_numbers_of_json() -> None:
    from decimal import Decimal  # noqa: PLC0415 - as DynamoDB has numbers

    payload = {"a": [Decimal(5), Decimal("0.5"), Decimal("6E+1")]}
    words = command(using("lambda", with_={"function": "f", "payload": payload}))
    assert words[-1] == '--payload={"a": [5, 0.5, 60]}'


# Placeholders


def test_placeholders_are_filled_in_every_text() -> None:
    fields = {"url": "s3://${bucket}/${file}.sh", "sha256": "${sum}", "arguments": ["${day}"]}
    values = {"bucket": "ours", "file": "load", "sum": "0" * 64, "day": "$${x"}
    parameters = {name: {"default": value} for name, value in values.items()}
    found = spec(using("script", with_=fields), parameters=parameters)
    assert found.request["containerOverrides"]["command"][-2:] == ["load.sh", "$${x"]


@pytest.mark.parametrize("part", ["jobList", "defaults", "jobDefinitions"])
def test_what_placeholders_make_of_a_field_is_checked_before_anything_starts(part: str) -> None:
    wanted = {"uses": "script", "with": {"url": "${url}"}}
    places: dict[str, tuple[Fields, Fields, str]] = {
        "jobList": (job("a", command=None, **wanted), {}, "$.jobList[0].with.url"),
        "defaults": (job("a", command=None), {"defaults": wanted}, "$.defaults.with.url"),
        "jobDefinitions": (
            job("a", command=None, jobDefinition="d"),
            {"jobDefinitions": {"d": wanted}},
            "$.jobDefinitions.d.with.url",
        ),
    }
    one, fields, path = places[part]
    made = loaded(one, parameters={"url": {"required": True}}, **fields)
    with pytest.raises(InvalidInputError) as caught:
        resolve(made, {"url": "http://x/y"})
    (found,) = caught.value.problems
    assert (found.path, found.found, found.allowed) == (path, '"http://x/y"', "s3://BUCKET/KEY")
    assert resolve(made, {"url": "s3://ours/y"})[0].jobs[0].request["uses"] == "script"


@pytest.mark.parametrize("name", ["jobName", "jobDependencies", "jobStatus", "jobId"])
@pytest.mark.parametrize("where", ["payload", "environment", "definition"])
def test_a_placeholder_is_checked_below_a_name_that_only_looks_like_a_jobs(
    name: str, where: str
) -> None:
    text = {name: "${nobody}"}
    found = {
        "payload": lambda: wrong("lambda", {"function": "f", "payload": text}),
        "environment": lambda: problem(job("a", environment=text)),
        "definition": lambda: problem(job("a"), jobDefinitions={name: {"command": ["${nobody}"]}}),
    }[where]()
    assert "${nobody} is no parameter of the schedule" in found.reason


def test_parameters_of_a_job_are_put_into_the_kind_that_it_shares_with_others() -> None:
    shared = {"uses": "glue", "with": {"job": "load", "arguments": {"table": "Ref::table"}}}
    definitions = {"load": shared}
    one = job("a", command=None, jobDefinition="load", parameters={"table": "orders"})
    assert command(one, jobDefinitions=definitions)[-1] == "--argument=table=orders"
    other = job("a", command=None, parameters={"table": "items"})
    assert command(other, defaults=shared)[-1] == "--argument=table=items"


# Which work wins


def test_a_job_that_uses_a_kind_leaves_the_work_of_the_defaults() -> None:
    script = {"uses": "script", "with": {"url": "s3://ours/x"}}
    for defaults in ({"command": ["x"]}, {"jobDefinition": "d:1"}, script):
        found = spec(using("glue", with_=GLUE), defaults=defaults)
        assert found.request["uses"] == "glue"
        overrides = {"command": ["batch-job", "glue", "--job=load"]}
        assert found.request == {"uses": "glue", "containerOverrides": overrides}


@pytest.mark.parametrize("own", [{"command": ["ls"]}, {"jobDefinition": "d:1"}])
def test_a_job_with_work_of_its_own_does_not_use_the_kind_of_the_defaults(own: Fields) -> None:
    shared = {"uses": "script", "with": {"url": "s3://ours/x"}, "environment": {"A": "1"}}
    found = spec(job("a", **{"command": None, **own}), defaults=shared).request
    assert "uses" not in found
    assert found["containerOverrides"]["environment"] == [{"name": "A", "value": "1"}]
    assert found["containerOverrides"].get("command") == own.get("command")
    assert found.get("jobDefinition") == own.get("jobDefinition")


def test_a_command_of_a_job_goes_with_the_definition_of_the_defaults() -> None:
    found = spec(job("a", command=["ls"]), defaults={"jobDefinition": "d:1"}).request
    overrides = {"command": ["ls"]}
    assert found == {"jobDefinition": "d:1", "containerOverrides": overrides}


def test_a_command_wins_over_the_kind_of_the_definition_that_it_goes_with() -> None:
    definitions = {"load": {"uses": "glue", "with": GLUE}}
    found = spec(job("a", jobDefinition="load", command=["ls"]), jobDefinitions=definitions)
    assert found.request == {"containerOverrides": {"command": ["ls"]}}


# What is refused


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("stepfunctions", {"stateMachine": MACHINE, "inputFile": "p", "outputs": {"a": "b"}}),
        ("lambda", {"function": "f", "async": True, "payload": []}),
        ("glue", {"crawler": "landing", "timeout": "60"}),
        ("ec2", {"action": "run", "tags": {"team": "a"}, "script": "s3://ours/a.sh"}),
        ("redshift", {"workgroup": "w", "database": "d", "secret": ARN, "sql": "select 1"}),
        ("sftp", {"action": "wait", "server": "sftp://h/*.csv", "user": "u", "stable": 0}),
        ("ftp", {"action": "put", "server": "ftp://h/", "here": "a", "passwordFrom": "file:/p"}),
        ("http", {"url": "http://localhost:8080", "headers": {"Accept": "*/*"}, "print": True}),
        ("script", {"url": "s3://ours/a/b.zip", "program": "run"}),
    ],
)
def test_fields_that_fit_are_kept_as_they_were_written(kind: str, fields: Fields) -> None:
    made = loaded(using(kind, with_=fields))
    assert accepts(document(using(kind, with_=fields)), SCHEMA, SCHEMA)
    (one,) = json.loads(made.text)["jobList"]
    assert one["with"] == {name: int(v) if name == "timeout" else v for name, v in fields.items()}


@pytest.mark.parametrize(
    ("other", "path"),
    [
        ({"command": ["ls"]}, "command"),
        ({"containerOverrides": {"command": ["ls"]}}, "containerOverrides.command"),
        ({"jobDefinition": "d"}, "jobDefinition"),
    ],
)
@pytest.mark.parametrize("part", ["jobList[0]", "finally[0]", "defaults", "jobDefinitions.d"])
def test_a_kind_has_a_command_and_a_definition_of_its_own(
    other: Fields, path: str, part: str
) -> None:
    both = {"uses": "glue", "with": GLUE, **other}
    if part == "jobDefinitions.d" and path != "command":
        return  # definitions have neither of these
    made = {
        "jobList[0]": lambda: problem(job("a", **{"command": None, **both})),
        "finally[0]": lambda: problem(finally_jobs=[job("a", **{"command": None, **both})]),
        "defaults": lambda: problem(job("a"), defaults=both),
        "jobDefinitions.d": lambda: problem(job("a"), jobDefinitions={"d": both}),
    }
    found = made[part]()
    assert found.path == f"$.{part}.{path}"
    assert "stands beside `uses: glue`, which has its own" in found.reason


def test_a_kind_without_its_fields_is_told_what_is_missing() -> None:
    found = problem(job("a", command=None, uses="glue"))
    assert (found.path, found.reason) == ("$.jobList[0].with", 'job "a": is missing')
    assert found.allowed == 'the fields of "glue"'


def test_fields_without_a_kind_mean_nothing() -> None:
    found = problem(job("a", **{"with": GLUE}))
    assert found.path == "$.jobList[0].with"
    assert "is only for a job with `uses`" in found.reason


def test_a_kind_that_is_not_there_has_a_suggestion_and_its_fields_are_not_judged() -> None:
    found = problem(job("a", command=None, uses="lamda", **{"with": {"x": 1}}))
    assert (found.path, found.suggestion) == ("$.jobList[0].uses", "lambda")


@pytest.mark.parametrize("kind", KINDS)
def test_a_misspelt_field_is_refused_with_the_fields_of_its_own_kind(kind: str) -> None:
    found = problems(using(kind, with_={"tmeout": 1, "arguents": 2}))
    unknown = {each.path.rpartition(".")[2]: each for each in found if "no field" in each.reason}
    assert unknown.keys() == {"tmeout", "arguents"}
    if kind in ("glue", "script"):
        assert unknown["arguents"].suggestion == "arguments"
    if kind != "script":
        assert unknown["tmeout"].suggestion == "timeout"


def test_fields_that_are_no_object_are_refused() -> None:
    assert wrong("glue", [1]).reason == 'job "a": is no object'


def test_a_variable_of_fetch_and_run_would_run_a_script_instead() -> None:
    variables = {"BATCH_FILE_TYPE": "script"}
    plain = using("glue", with_=GLUE)
    for one, defaults in (({**plain, "environment": variables}, {}), (plain, variables)):
        with pytest.raises(InvalidInputError) as caught:
            spec(one, defaults={"environment": defaults})
        (found,) = caught.value.problems
        assert found.path == "$.jobList[0].environment"
        assert found.reason == 'job "a": sets BATCH_FILE_TYPE for `uses: glue`'


WRONG: list[tuple[str, Fields, str, str]] = [
    ("glue", {}, "with", "has neither `job` nor `crawler`"),
    ("glue", {"job": "a", "crawler": "b"}, "with", "has both `job` and `crawler`"),
    ("glue", {"crawler": "b", "workers": 1}, "with", "has `workers`, of which `crawler` has no"),
    ("glue", {"job": "a", "workers": 0}, "with.workers", "is too small"),
    ("glue", {"job": "a", "timeout": "soon"}, "with.timeout", "is no number"),
    ("glue", {"job": ""}, "with.job", "is empty"),
    ("glue", {"job": "a", "arguments": {"a=b": 1}}, 'with.arguments["a=b"]', "is not written"),
    ("lambda", {}, "with.function", "is missing"),
    ("lambda", {"function": "f", "payload": "x"}, "with.payload", "is neither an object nor"),
    ("lambda", {"function": "f", "payload": {}, "payloadFile": "p"}, "with", "has both `payload`"),
    ("lambda", {"function": "f", "async": True, "outputs": {"a": "b"}}, "with", "has both `async`"),
    ("stepfunctions", {"stateMachine": MACHINE, "input": {}, "inputFile": "p"}, "with", "has both"),
    ("stepfunctions", {"stateMachine": "load"}, "with.stateMachine", "is not written as it must"),
    ("ec2", {"action": "reboot"}, "with.action", "is none of the words allowed"),
    ("ec2", {"action": "run", "instances": ["i-1"]}, "with", "has neither `command` nor `script`"),
    ("ec2", {"action": "run", "command": "ls"}, "with", "has neither `instances` nor `tags`"),
    ("ec2", {"action": "start"}, "with", "has no `instances`, which `start` needs"),
    ("ec2", {"action": "stop", "instances": ["i-1"], "command": "ls"}, "with", "has `command`"),
    ("ec2", {"action": "stop", "instances": []}, "with.instances", "has too few entries"),
    ("redshift", {"cluster": "c", "database": "d"}, "with", "has neither `file` nor `sql`"),
    ("redshift", {"workgroup": "w", "database": "d", "sql": "x", "user": "u"}, "with", "has both"),
    ("sftp", {**SFTP, "action": "wait"}, "with", "has `here`, of which `wait` has no use"),
    ("sftp", {**SFTP, "here": None}, "with", "has no `here`, which `get` needs"),
    ("sftp", {**SFTP, "every": 5}, "with", "has `every`, of which `get` has no use"),
    ("sftp", {**SFTP, "server": "ftp://h/a"}, "with.server", "is not written as it must be"),
    ("ftp", {**SFTP, "server": "ftp://h/a", "tls": "yes"}, "with.tls", "is neither true nor"),
    ("http", {"url": "ftp://h/a"}, "with.url", "is not written as it must be"),
    ("http", {"url": "https://h/a", "body": 5}, "with.body", "is neither an object nor a list"),
    ("http", {"url": "https://h", "body": "", "bodyFile": "x"}, "with", "has both `body` and"),
    ("http", {"url": "https://h", "expect": "2x"}, "with.expect", "is not written as it must be"),
    ("http", {"url": "https://h", "print": 1}, "with.print", "is neither true nor false"),
    ("script", {"url": "s3://ours/"}, "with.url", "is not written as it must be"),
    ("script", {"url": "s3://ours/x", "sha256": "12"}, "with.sha256", "is not written as it must"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "path", "reason"), WRONG)
def test_fields_that_do_not_fit_are_refused_before_anything_starts(
    kind: str, fields: Fields, path: str, reason: str
) -> None:
    found = wrong(kind, fields)
    assert found.path == f"$.jobList[0].{path}"
    assert reason in found.reason


# What other jobs tell


def reading(kind: str, **fields: Any) -> list[Fields]:
    one = {**using(kind, "b", fields), "jobDependencies": ["a"]}
    return [job("a"), one]


@pytest.mark.parametrize("told", ['7", "x": "', "back\\slash", "plain", "é"])
@pytest.mark.parametrize("kind", ["lambda", "http"])
def test_what_another_job_tells_can_not_change_the_form_of_a_payload(kind: str, told: str) -> None:
    payload = {"rows": "n: ${jobs.a.outputs.rows}", "list": ["${jobs.a.outputs.rows}"]}
    said: dict[str, Fields] = {
        "lambda": {"function": "f", "payload": payload},
        "http": {"url": "https://h", "body": payload},
    }
    fields = said[kind]
    made = schedule(*reading(kind, **fields)).jobs[1]
    filled = fill_outputs(made.request, {Reference("a", "rows"): told})
    words = filled["containerOverrides"]["command"]
    (word,) = [each for each in words if each.startswith(("--payload=", "--body="))]
    assert json.loads(word.partition("=")[2]) == {"rows": f"n: {told}", "list": [told]}


def test_what_another_job_tells_is_an_argument_as_it_is() -> None:
    made = schedule(*reading("glue", job="x", arguments={"n": "${jobs.a.outputs.rows}"})).jobs[1]
    filled = fill_outputs(made.request, {Reference("a", "rows"): '{"a": "'})
    assert filled["containerOverrides"]["command"][-1] == '--argument=n={"a": "'
    no_json = ["{x ${jobs.a.outputs.rows}", "[1, ${jobs.a.outputs.rows}"]
    assert fill_outputs(no_json, {Reference("a", "rows"): '"'}) == ['{x "', '[1, "']


@pytest.mark.parametrize(
    ("kind", "fields", "name", "instead"),
    [
        ("ec2", {"action": "run", "instances": ["i-1"]}, "command", "the output by another way"),
        ("redshift", {"cluster": "c", "database": "d"}, "sql", "`:name` in the statements"),
    ],
)
def test_what_another_job_tells_is_never_run_as_code(
    kind: str, fields: Fields, name: str, instead: str
) -> None:
    found = problem(*reading(kind, **fields, **{name: "x ${jobs.a.outputs.rows}"}))
    assert found.path == f"$.jobList[1].with.{name}"
    assert "would be run as code" in found.reason
    assert found.allowed.startswith(instead)


# Secrets


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("sftp", {**SFTP, "passwordFrom": "hunter2"}),
        ("sftp", {**SFTP, "keyFrom": "hunter2"}),
        ("sftp", {**SFTP, "server": "sftp://u:hunter2@h/a"}),
        ("ftp", {**SFTP, "server": "ftp://h/a", "passwordFrom": "env:hunter2 x"}),
        ("http", {"url": "https://u:hunter2@h/a"}),
        ("http", {"url": "https://h", "bearerFrom": "hunter2"}),
        ("http", {"url": "https://h", "secretHeaders": {"X-Api-Key": "hunter2"}}),
        ("redshift", {"cluster": "c", "database": "d", "sql": "x", "secret": "hunter2"}),
    ],
)
def test_a_secret_in_the_place_of_its_reference_is_refused_and_never_quoted(
    kind: str, fields: Fields
) -> None:
    found = wrong(kind, fields)
    assert found.reason == 'job "a": is not written as it must be'
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("name", ["Authorization", "cookie", "X-Api-Key", "X-Auth-Token"])
def test_a_header_that_is_secret_is_given_by_reference(name: str) -> None:
    found = wrong("http", {"url": "https://h", "headers": {"Accept": "*/*", name: "hunter2"}})
    assert found.path == "$.jobList[0].with.headers"
    assert f'has "{name}", whose value may be a secret' in found.reason
    assert "hunter2" not in str(found)
    fields = {"url": "https://h", "secretHeaders": {name: "env:HTTP_SECRET"}}
    assert command(using("http", with_=fields))[2] == f"--secret-header={name}=env:HTTP_SECRET"


def test_what_looks_like_a_secret_is_refused_in_any_field() -> None:
    found = wrong("glue", {"job": "a", "arguments": {"key": "AKIA" + "A" * 16}})
    assert found.path == "$.jobList[0].with.arguments.key"
    assert "looks like an access key of AWS" in found.reason


def test_references_are_shown_and_what_may_be_a_secret_is_not() -> None:
    redshift = {"cluster": "c", "database": "d", "sql": "x", "secret": ARN}
    glue = {"job": "a", "arguments": {"--password": "x", "--day": "y"}}
    http = {"url": "https://h", "secretHeaders": {"X-Api-Key": "env:HTTP_SECRET"}}
    jobs = (using("redshift", "a", redshift), using("glue", "b", glue), using("http", "c", http))
    first, second, third = shown_document(json.loads(load(document(*jobs)).text))["jobList"]
    assert first["with"] == redshift
    assert third["with"] == http
    assert second["with"]["arguments"] == {"--password": HIDDEN, "--day": "y"}


def test_the_documents_of_the_how_to_are_taken_and_become_commands() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "use-ready-made-kinds.md"
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    requests = [
        spec.request
        for block in blocks
        for made in [load(parse(block.encode(), "a.yaml"))]
        for spec in resolve(made, {"day": "2026-11-30"} if made.parameters else {})[0].jobs
    ]
    assert [each["uses"] for each in requests] == [
        "sftp", "glue", "redshift", "lambda", "glue", "glue", "script",
    ]  # fmt: skip
    assert requests[-2]["containerOverrides"]["command"][-1] == "--argument=table=items"
