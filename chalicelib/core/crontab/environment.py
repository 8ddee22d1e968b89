"""What the lines of a crontab set for those after them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from chalicelib.core.crontab.hiding import secret_of
from chalicelib.core.crontab.lines import Variable
from chalicelib.core.crontab.report import Judged, Origin, Outcome
from chalicelib.core.job_document import Variables
from chalicelib.core.layering import SHELL
from chalicelib.core.soundness import CONTROL
from chalicelib.core.timing.zones import zone_names
from chalicelib.core.wording import quoted

PATH = "/usr/bin:/bin"  # where cron looks for programs unless a line says so
_MAIL = frozenset({"MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"})
_SET_BY_CRON = frozenset({"LOGNAME", "USER"})
_VARIABLES = TypeAdapter(Variables)
_CARRIED = Judged(Outcome.CARRIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What holds for a command; `lost` are the variables that could not be carried over."""

    shell: str = SHELL[0]
    home: str
    timezone: str  # empty when a line names one that there is not
    variables: Mapping[str, str] = field(default_factory=lambda: {"PATH": PATH})
    lost: Mapping[str, int] = field(default_factory=dict)  # by name, the number of the line


def first_environment(origin: Origin) -> Environment:
    return Environment(home=origin.home, timezone=origin.timezone)


def with_variable(
    before: Environment, variable: Variable, number: int, origin: Origin
) -> tuple[Environment, Judged]:
    """The environment after the line of that number, and what became of the line."""
    secret = secret_of(variable, f"{variable.name}={variable.value}")
    if secret:
        why = f"{secret} would be kept for ever: see docs/how-to/keep-secrets-out.md"
        return _without(before, variable, number, why)
    aside = _aside(variable)
    if aside is not None:
        return before, aside
    if variable.name == "CRON_TZ":
        return _with_zone(before, variable.value, origin)
    fault = _fault(variable)
    if fault:
        return _without(before, variable, number, fault)
    lost = {name: line for name, line in before.lost.items() if name != variable.name}
    variables = {**before.variables, variable.name: variable.value}
    after = replace(before, variables=variables, lost=lost)
    special = _SPECIAL.get(variable.name)
    return special(after, variable.value) if special else (after, _CARRIED)


def _without(
    before: Environment, variable: Variable, number: int, why: str
) -> tuple[Environment, Judged]:
    variables = {name: value for name, value in before.variables.items() if name != variable.name}
    lost = {**before.lost, variable.name: number}
    return replace(before, variables=variables, lost=lost), Judged(Outcome.NOT, (why,))


def _aside(variable: Variable) -> Judged | None:
    """What is said of variables that are for cron itself."""
    match variable:
        case Variable("MAILTO", ""):
            return Judged(Outcome.CARRIED, ("nobody is mailed, as here",))
        case Variable(name) if name in _MAIL:
            why = "nothing is mailed: `notify` tells people of failures, docs/how-to/get-told.md"
            return Judged(Outcome.NOT, (why,))
        case Variable("RANDOM_DELAY"):
            why = "`jitter` of a trigger delays starts, docs/how-to/start-on-time.md"
            return Judged(Outcome.NOT, (why,))
        case Variable(name) if name in _SET_BY_CRON:
            return Judged(Outcome.NOTHING, ("cron sets it itself, whatever a line says",))
        case _:
            return None


def _with_zone(before: Environment, name: str, origin: Origin) -> tuple[Environment, Judged]:
    if origin.is_zone_told:
        remark = f"the times stay those of {origin.timezone}, as --timezone says"
        return before, Judged(Outcome.APPROXIMATED, (remark,))
    if name and name not in zone_names():
        why = f"there is no time zone {quoted(name)}; allowed: a name such as Europe/Berlin"
        return replace(before, timezone=""), Judged(Outcome.NOT, (why,))
    return replace(before, timezone=name or origin.timezone), _CARRIED


def _fault(variable: Variable) -> str:
    if CONTROL.search(variable.value):
        return "its value has a control character"
    if variable.name in {"SHELL", "HOME"} and not variable.value.startswith("/"):
        return "is no absolute path"
    try:
        _VARIABLES.validate_python({variable.name: variable.value})
    except ValidationError:
        return f"{quoted(variable.name)} is no name that a job's variable can have"
    return ""


def _shell(after: Environment, value: str) -> tuple[Environment, Judged]:
    return replace(after, shell=value), _CARRIED


def _home(after: Environment, value: str) -> tuple[Environment, Judged]:
    return replace(after, home=value), _CARRIED


def _zone_of_commands(after: Environment, value: str) -> tuple[Environment, Judged]:
    remark = "for commands only, as in cron: CRON_TZ or --timezone says whose times are meant"
    return after, Judged(Outcome.CARRIED, (remark,))


_SPECIAL: Mapping[str, Callable[[Environment, str], tuple[Environment, Judged]]] = {
    "SHELL": _shell,
    "HOME": _home,
    "TZ": _zone_of_commands,
}
