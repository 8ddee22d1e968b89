"""The settings: what the environment says, what holds where it says nothing, what is refused."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.config import (
    Access,
    Api,
    Machine,
    Server,
    Settings,
    read_api,
    read_settings,
    this_machine,
)
from chalicelib.errors import InvalidInputError

MACHINE = Machine(home=Path("/home/ann"), user="ann", cpus=2, memory_mib=4096)
HERE = Path.cwd()


def read(environment: Mapping[str, str] = MappingProxyType({}), **given: Any) -> Settings:
    return read_settings(environment, machine=MACHINE, **given)


def ours(**values: str) -> dict[str, str]:
    return {f"BATCH_SCHEDULER_{name}": value for name, value in values.items()}


def test_an_empty_environment_gives_what_the_machine_has() -> None:
    assert read() == Settings(
        state=Path("/home/ann/.local/state/batch-scheduler"),
        vcpus=2.0,
        memory_mib=4096,
        host_idle=10.0,
        actor="ann",
        no_color=False,
    )


def test_empty_variables_are_as_good_as_none() -> None:
    empty = {
        **ours(STATE="", VCPUS="", MEMORY="", HOST_IDLE=""),
        "XDG_STATE_HOME": "",
        "NO_COLOR": "",
    }
    assert replace(read(empty), environment={}) == read()


def test_jobs_can_be_given_all_of_the_environment_as_it_was_then() -> None:
    environment = {"PATH": "/bin"}
    settings = read(environment)
    environment.clear()
    assert settings.environment == {"PATH": "/bin"}
    assert "/bin" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"BATCH_SCHEDULER_STATE": "/srv/state"}, Path("/srv/state")),
        ({"BATCH_SCHEDULER_STATE": "here"}, HERE / "here"),
        ({"XDG_STATE_HOME": "/xdg"}, Path("/xdg/batch-scheduler")),
        ({"XDG_STATE_HOME": "xdg"}, Path("/home/ann/.local/state/batch-scheduler")),
        ({"BATCH_SCHEDULER_STATE": "/srv", "XDG_STATE_HOME": "/xdg"}, Path("/srv")),
    ],
    ids=["ours", "relative", "xdg", "relative xdg is ignored", "ours before xdg"],
)
def test_where_the_state_is_kept(environment: dict[str, str], state: Path) -> None:
    assert read(environment).state == state


def test_the_directory_given_on_the_command_line_goes_first() -> None:
    assert read(ours(STATE="/srv"), state=Path("/given")).state == Path("/given")
    assert read(state=Path("given")).state == HERE / "given"


def test_what_the_local_queue_may_use_can_be_said() -> None:
    said = read(ours(VCPUS="0.5", MEMORY="512", HOST_IDLE="0"))
    assert (said.vcpus, said.memory_mib, said.host_idle) == (0.5, 512, 0.0)


@given(st.floats(0.001, 1e6), st.integers(4, 10**9), st.floats(0, 1e9))
def test_good_values_are_taken_as_they_are(vcpus: float, memory: int, idle: float) -> None:
    said = read(ours(VCPUS=f" {vcpus!r} ", MEMORY=str(memory), HOST_IDLE=repr(idle)))
    assert (said.vcpus, said.memory_mib, said.host_idle) == (vcpus, memory, idle)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("BATCH_SCHEDULER_VCPUS", value) for value in ("0", "-1", "two", "nan", "inf")),
        *(("BATCH_SCHEDULER_MEMORY", value) for value in ("3", "1.5", "-8", "8G", "²", "9" * 99)),
        *(("BATCH_SCHEDULER_HOST_IDLE", value) for value in ("-1", "soon", "nan", "inf")),
    ],
)
def test_a_bad_value_is_told_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read({name: value})
    (problem,) = caught.value.problems
    assert (problem.path, problem.found) == (name, repr(value))
    assert problem.allowed


@given(st.text(max_size=8))
def test_no_value_gives_a_traceback(value: str) -> None:
    for name in ("VCPUS", "MEMORY", "HOST_IDLE"):
        with suppress(InvalidInputError):
            read(ours(**{name: value}))


def test_all_bad_values_are_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(ours(VCPUS="x", MEMORY="y", HOST_IDLE="z"))
    assert len(caught.value.problems) == 3


def test_plain_text_is_printed_when_it_is_asked_for() -> None:
    assert read({"NO_COLOR": "1"}).no_color


def test_this_machine_has_processors_and_memory() -> None:
    found = this_machine()
    assert 1 <= found.cpus <= (os.cpu_count() or 1)
    assert found.memory_mib > 4
    assert found.user


def test_the_environment_is_read_when_it_is_asked_for_and_not_at_import() -> None:
    program = (
        "import chalicelib.config, os\n"
        "os.environ['BATCH_SCHEDULER_STATE'] = '/late'\n"
        "print(chalicelib.config.read_settings().state)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert printed.stdout == b"/late\n"


# The edition on AWS, and the file


def test_a_stage_is_said_on_the_command_line_or_by_variables() -> None:
    said = read(said={"edition": "aws", "stage": "prod"})
    assert (said.edition, said.stage.name) == ("aws", "prod")
    assert read(ours(EDITION="aws", STAGE="dev"), said={"stage": "prod"}).stage.name == "prod"
    named = read(ours(EDITION="aws", STAGE="dev", JOB_QUEUES="a, b,", TURNS="5")).stage
    assert (named.queues, named.submit_rate, named.turns) == (("a", "b"), 20.0, 5)


@pytest.mark.parametrize(("text", "days"), [("0", 0), ("1", 1), ("36525", 36_525), (" 30 ", 30)])
def test_details_are_kept_for_as_many_days_as_are_asked_for(text: str, days: int) -> None:
    assert read(ours(KEEP_DAYS=text)).stage.keep_days == days


@pytest.mark.parametrize("text", ["-1", "36526", "1.5", "many", "9" * 20])
def test_days_that_are_no_number_of_days_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="whole days, 0 to keep for ever"):
        read(ours(KEEP_DAYS=text))


def test_the_nearest_file_is_read_and_all_else_goes_before_it(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    text = 'edition = "aws"\nstage = "dev"\nregion = "eu-west-1"\nprofile = "etl"\n'
    (tmp_path / ".batch-scheduler.toml").write_text(text)
    stage = read(directory=below).stage
    assert (stage.name, stage.region, stage.profile) == ("dev", "eu-west-1", "etl")
    assert read(ours(STAGE="prod"), directory=below).stage.name == "prod"
    (tmp_path / "a" / ".batch-scheduler.toml").write_text('state = "kept"\n')
    nearer = read(directory=below)
    assert (nearer.edition, nearer.state) == ("local", tmp_path / "a" / "kept")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stage = 1\n", "bad setting"),
        ('colour = "red"\n', "bad setting"),
        ("stage = \n", "can't be read as TOML"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / ".batch-scheduler.toml").write_text(text)
    with pytest.raises(InvalidInputError) as refused:
        read(directory=tmp_path)
    assert str(tmp_path / ".batch-scheduler.toml") in refused.value.path
    assert words in refused.value.reason


@pytest.mark.parametrize(
    "values",
    [
        {"EDITION": "cloud"},
        {"EDITION": "aws"},
        {"EDITION": "aws", "STAGE": "Dev"},
        {"EDITION": "aws", "STAGE": "d" * 21},
        {"SUBMIT_RATE": "51"},
        {"SUBMIT_RATE": "0"},
        {"TURNS": "0"},
        {"TURNS": "601"},
    ],
)
def test_a_bad_stage_is_refused(values: Mapping[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        read(ours(**values))


WORD = "abs_x"


def bearing(token: str = WORD, *, file: str = "", **values: str) -> dict[str, str]:
    """An environment with a token in it, and perhaps a file of one."""
    return ours(**values, TOKEN=token, TOKEN_FILE=file)


def test_a_server_is_on_this_machine_unless_said() -> None:
    assert read().server == Server(url="http://127.0.0.1:8080")
    assert read(ours(URL="https://etl.example.org")).server.url == "https://etl.example.org"
    assert read(ours(URL="https://a"), said={"url": "https://b"}).server.url == "https://b"


def test_a_token_is_that_of_what_was_said_nearest() -> None:
    assert read(bearing()).server.token == WORD
    both = read(bearing(file="/run/token")).server
    assert both.token_file == Path("/run/token")
    typed = read(bearing(file="/run/token"), said={"token_file": "mine"}).server
    assert (typed.token_file, typed.token) == (HERE / "mine", "")


def test_a_token_in_the_environment_goes_before_that_of_a_file(tmp_path: Path) -> None:
    (tmp_path / ".batch-scheduler.toml").write_text('token_file = "token"\n')
    assert read(directory=tmp_path).server.token_file == tmp_path / "token"
    found = read(bearing(), directory=tmp_path).server
    assert (found.token, found.token_file) == (WORD, None)


def test_the_server_that_a_file_names_gets_no_token_but_its_own(tmp_path: Path) -> None:
    (tmp_path / ".batch-scheduler.toml").write_text('url = "https://elsewhere"\n')
    told = read(bearing(file="/run/token"), directory=tmp_path).server
    assert (told.token, told.token_file, told.is_of_file) == ("", None, True)
    typed = read(bearing(), directory=tmp_path, said={"token_file": "/mine"}).server
    assert typed.token_file == Path("/mine")
    ours_ = read(bearing(URL="https://ours"), directory=tmp_path).server
    assert (ours_.token, ours_.is_of_file) == (WORD, False)


def test_neither_a_token_nor_a_url_is_in_the_repr_of_settings() -> None:
    settings = read(bearing("abs_canary", URL="https://u:canary@example.org"))
    assert "canary" not in repr(settings)


def test_an_api_asks_for_tokens_and_is_read_from_no_other_page_unless_it_is_said() -> None:
    assert read_api({}) == Api(access=Access.TOKEN, origin="")
    said = ours(ACCESS="iam", ORIGIN="https://console.example.org")
    assert read_api(said) == Api(access=Access.IAM, origin="https://console.example.org")


def test_a_file_does_not_say_that_requests_are_signed(tmp_path: Path) -> None:
    (tmp_path / ".batch-scheduler.toml").write_text('access = "iam"\n')
    with pytest.raises(InvalidInputError, match="access"):
        read(directory=tmp_path)
    assert read(ours(ACCESS="iam")).server.access is Access.IAM


@pytest.mark.parametrize("access", ["IAM", "none", "*"])
def test_there_is_no_other_way_in(access: str) -> None:
    with pytest.raises(InvalidInputError, match="BATCH_SCHEDULER_ACCESS"):
        read_api(ours(ACCESS=access))


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:8000", "https://a.example:8443"]
)
def test_an_origin_is_a_host_and_perhaps_a_port(origin: str) -> None:
    assert read_api(ours(ORIGIN=origin)).origin == origin


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://*", "https://a.example/", "http://a.example", "https://a.example' x",
     "https://a.example,https://b.example", "a.example", "https://A.example", "https://a\nb"],
)  # fmt: skip
def test_no_origin_but_an_exact_one_is_taken(origin: str) -> None:
    with pytest.raises(InvalidInputError, match="BATCH_SCHEDULER_ORIGIN"):
        read_api(ours(ORIGIN=origin))


def test_a_token_is_not_named_where_requests_are_signed() -> None:
    with pytest.raises(InvalidInputError, match="--token-file"):
        read(ours(ACCESS="iam"), said={"token_file": "token"})
