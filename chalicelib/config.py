"""The settings: the only reader of the environment, and of `.batch-scheduler.toml`.

What is said on the command line goes before the environment, and that before the nearest
`.batch-scheduler.toml` in the working directory or above it.
"""

import math
import os
import pwd
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from chalicelib.driving_ports import MAX_TURNS
from chalicelib.errors import InvalidInputError, Problem

_T = TypeVar("_T")

_MIB = 1024 * 1024
FILE_NAME = ".batch-scheduler.toml"
LOCAL, AWS, HTTP = "local", "aws", "http"  # the editions
TOKEN_FILE = "api-token"  # noqa: S105 - of a state directory: the token of its own server
_HERE = "http://127.0.0.1:8080"  # where `serve` listens
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ORIGIN = re.compile(
    rf"(?:https://{_LABEL}(?:\.{_LABEL})*|http://(?:localhost|127\.0\.0\.1))(?::([1-9][0-9]{{0,4}}))?"
)
_USUAL_PORTS = {"https": 443, "http": 80}  # which stand in no origin
_STAGE = re.compile(r"[a-z][a-z0-9-]{0,19}")
# Keys of the file, and the variables that they stand for.
_KEYS = {
    "edition": "BATCH_SCHEDULER_EDITION",
    "stage": "BATCH_SCHEDULER_STAGE",
    "state": "BATCH_SCHEDULER_STATE",
    "region": "AWS_REGION",
    "profile": "AWS_PROFILE",
    "url": "BATCH_SCHEDULER_URL",
    "token_file": "BATCH_SCHEDULER_TOKEN_FILE",
}
_TOKEN = "BATCH_SCHEDULER_TOKEN"  # noqa: S105 - the name of a variable
_PATHS = frozenset({"state", "token_file"})  # of the file's keys: they begin at the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deployment on AWS. Names that are empty follow from the stage's."""

    name: str = ""
    region: str = ""  # empty: as boto3 finds it
    profile: str = ""
    submit_rate: float = 20.0  # SubmitJob a second, of 50 that the account has (service_limits)
    turns: int = MAX_TURNS  # after which another execution drives a run on
    keep_days: int = 90  # until the details of an archived run expire; 0: never
    bucket: str = ""
    archive_bucket: str = ""
    topic_arn: str = ""
    state_machine_arn: str = ""
    definitions: tuple[str, ...] = ()  # that documents may name; empty: what the role may use
    queues: tuple[str, ...] = ()


class Access(StrEnum):
    """How a stage's HTTP API recognises who asks."""

    TOKEN = "token"  # noqa: S105 - a word
    IAM = "iam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Who may ask a stage's HTTP API, and the pages of which other origin may read its answers."""

    access: Access = Access.TOKEN
    origin: str = ""  # as browsers write it; empty: of none


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server elsewhere, as it was said; what is a file's goes before what is a variable's."""

    url: str = field(default=_HERE, repr=False)  # people paste tokens into URLs
    token_file: Path | None = None
    token: str = field(default="", repr=False)
    is_of_file: bool = False  # the nearest file has said the URL
    access: Access = Access.TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says."""

    state: Path  # the state directory, absolute
    vcpus: float  # what the local queue may use at once
    memory_mib: int
    host_idle: float  # s without a job after which the host ends
    actor: str  # who is typing, for the audit trail
    no_color: bool = False  # plain text is asked for (no-color.org)
    edition: str = LOCAL
    stage: Stage = field(default_factory=Stage)
    server: Server = field(default_factory=Server)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine gives, where the environment says nothing."""

    home: Path
    user: str
    cpus: int
    memory_mib: int


def this_machine() -> Machine:
    return Machine(
        home=_home(),
        user=_user(),
        cpus=_usable_cpus(),
        memory_mib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB,
    )


def read_settings(
    environment: Mapping[str, str] | None = None,
    *,
    state: Path | None = None,
    said: Mapping[str, str] | None = None,
    directory: Path | None = None,
    machine: Machine | None = None,
) -> Settings:
    """The settings of `environment`, of this process's own for None.

    `state` and `said` (keys of the file) go before it; the file is looked for from `directory`
    on, the working directory for None. Raises InvalidInputError that names every variable and key
    with a bad value; empty means unset.
    """
    of_process = os.environ if environment is None else environment
    machine = machine or this_machine()
    problems: list[Problem] = []
    of_file = _read_file(directory or Path.cwd(), problems)
    given = {_KEYS[key]: value for key, value in (said or {}).items() if value}
    typed = {_KEYS[key]: f"--{key}" for key, value in (said or {}).items() if value}
    values = {**of_file, **{k: v for k, v in of_process.items() if v}, **given}
    variables = _Variables(values, typed, problems)
    read = variables.read
    settings = Settings(
        state=state.absolute() if state else _state_directory(values, machine.home),
        vcpus=read("BATCH_SCHEDULER_VCPUS", _positive, "a number above 0", float(machine.cpus)),
        memory_mib=read(
            "BATCH_SCHEDULER_MEMORY", _whole, "whole MiB, 4 or more", machine.memory_mib
        ),
        host_idle=read("BATCH_SCHEDULER_HOST_IDLE", _seconds, "seconds, 0 or more", 10.0),
        actor=machine.user,
        no_color=bool(values.get("NO_COLOR")),
        edition=read("BATCH_SCHEDULER_EDITION", _edition, f"{LOCAL}, {AWS} or {HTTP}", LOCAL),
        stage=_read_stage(variables),
        server=_read_server(variables, of_file),
        environment=dict(of_process),
    )
    if settings.edition == AWS and not settings.stage.name and not problems:
        problems.append(Problem("--stage", "which stage on AWS?", allowed="--stage NAME"))
    if problems:
        raise InvalidInputError(problems)
    return settings


def read_api(environment: Mapping[str, str] | None = None) -> Api:
    """What the environment says of a stage's HTTP API, that of this process for None.

    Raises InvalidInputError.
    """
    problems: list[Problem] = []
    variables = _Variables(os.environ if environment is None else environment, {}, problems)
    allowed = "https://HOST, as browsers write it: no path, no *"
    origin = variables.read("BATCH_SCHEDULER_ORIGIN", _origin, allowed, "")
    api = Api(access=_read_access(variables), origin=origin)
    if problems:
        raise InvalidInputError(problems)
    return api


def _read_access(variables: "_Variables") -> Access:
    allowed = f"{Access.TOKEN} or {Access.IAM}"
    return variables.read("BATCH_SCHEDULER_ACCESS", _access, allowed, Access.TOKEN)


@dataclass(frozen=True, slots=True)
class _Variables:
    """What is set, and by which option if by one. What is wrong with it goes to `problems`."""

    values: Mapping[str, str]
    typed: Mapping[str, str]
    problems: list[Problem]

    def read(self, name: str, parse: Callable[[str], _T | None], allowed: str, default: _T) -> _T:
        text = self.values.get(name, "").strip()
        if not text:
            return default
        value = parse(text)
        if value is None:
            where = self.typed.get(name, name)
            self.problems.append(Problem(where, "bad value", repr(text), allowed))
            return default
        return value

    def text(self, name: str) -> str:
        return self.values.get(name, "")

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(each.strip() for each in self.text(name).split(",") if each.strip())


def _read_stage(variables: _Variables) -> Stage:
    read, text = variables.read, variables.text
    return Stage(
        name=read("BATCH_SCHEDULER_STAGE", _stage, "letters, digits and - in lower case", ""),
        region=text("AWS_REGION") or text("AWS_DEFAULT_REGION"),
        profile=text("AWS_PROFILE"),
        submit_rate=read("BATCH_SCHEDULER_SUBMIT_RATE", _rate, "a number up to 50", 20.0),
        turns=read("BATCH_SCHEDULER_TURNS", _turns, f"1 to {MAX_TURNS}", MAX_TURNS),
        keep_days=read("BATCH_SCHEDULER_KEEP_DAYS", _days, "whole days, 0 to keep for ever", 90),
        bucket=text("BATCH_SCHEDULER_BUCKET"),
        archive_bucket=text("BATCH_SCHEDULER_ARCHIVE_BUCKET"),
        topic_arn=text("BATCH_SCHEDULER_TOPIC_ARN"),
        state_machine_arn=text("BATCH_SCHEDULER_STATE_MACHINE_ARN"),
        definitions=variables.names("BATCH_SCHEDULER_JOB_DEFINITIONS"),
        queues=variables.names("BATCH_SCHEDULER_JOB_QUEUES"),
    )


def _read_server(variables: _Variables, of_file: Mapping[str, str]) -> Server:
    """Where to ask, and as whom.

    A file comes with whatever directory one is in. So the server that it names is told no token
    but one of the file itself, or of a file that was typed.
    """
    url, file = _KEYS["url"], _KEYS["token_file"]
    token_file, token = variables.text(file), variables.text(_TOKEN)
    is_of_file = url in of_file and variables.text(url) == of_file[url]
    # Never a file's: what lies about must not decide what one's credentials sign.
    access = _read_access(variables)
    if access is Access.IAM and file in variables.typed:
        reason = "a token is not sent where BATCH_SCHEDULER_ACCESS says iam"
        variables.problems.append(Problem("--token-file", reason, allowed="one of the two"))
    if file in variables.typed:
        token = ""
    elif is_of_file:
        token_file, token = of_file.get(file, ""), ""
    elif token and token_file == of_file.get(file):
        token_file = ""
    return Server(
        url=variables.text(url) or _HERE,
        token_file=Path(token_file).absolute() if token_file else None,
        token=token,
        is_of_file=is_of_file,
        access=access,
    )


def _read_file(directory: Path, problems: list[Problem]) -> dict[str, str]:
    """The nearest file's keys as the variables that they stand for."""
    places = (directory, *directory.parents)
    path = next((each / FILE_NAME for each in places if (each / FILE_NAME).is_file()), None)
    if path is None:
        return {}
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(Problem(str(path), f"can't be read as TOML: {error}"))
        return {}
    found = {}
    for key, value in members.items():
        if key not in _KEYS or not isinstance(value, str):
            allowed = f"text for {', '.join(_KEYS)}"
            problems.append(Problem(f"{path} {key}", "bad setting", repr(value), allowed))
        elif key in _PATHS:
            found[_KEYS[key]] = str(path.parent / value)
        else:
            found[_KEYS[key]] = value
    return found


def _edition(text: str) -> str | None:
    return text if text in (LOCAL, AWS, HTTP) else None


def _access(text: str) -> Access | None:
    return Access(text) if text in list(Access) else None


def _origin(text: str) -> str | None:
    """An origin in the one way in which browsers write it."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    port, usual = int(found[1] or 1), _USUAL_PORTS[text.partition(":")[0]]
    return text if port < 65_536 and port != usual else None


def _stage(text: str) -> str | None:
    return text if _STAGE.fullmatch(text) else None


def _state_directory(environment: Mapping[str, str], home: Path) -> Path:
    if chosen := environment.get("BATCH_SCHEDULER_STATE"):
        return Path(chosen).absolute()
    users = Path(environment.get("XDG_STATE_HOME", ""))
    # "If an implementation encounters a relative path … it should consider the path invalid and
    # ignore it" (XDG Base Directory Specification).
    if not users.is_absolute():
        users = home / ".local" / "state"
    return users / "batch-scheduler"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # A user that no database knows, and no HOME: the state is kept where --state says.
        return Path("/")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers run as users that no database knows.
        return f"uid {os.getuid()}"


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _seconds(text: str) -> float | None:
    """A finite number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _positive(text: str) -> float | None:
    return _seconds(text) or None


def _rate(text: str) -> float | None:
    rate = _positive(text)
    return rate if rate is not None and rate <= 50 else None


def _turns(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,2}", text) and int(text) <= MAX_TURNS else None


def _days(text: str) -> int | None:
    """Whole days of at most a hundred years."""
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    return days if 0 <= days <= 36_525 else None


def _whole(text: str) -> int | None:
    """Whole, 4 or more: AWS Batch takes no job below 4 MiB (ResourceRequirement, MEMORY)."""
    whole = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    return whole if whole >= 4 else None
