"""What a document may ask of AWS Batch, and what it may not.

Whoever writes a schedule runs code under the role of any job definition that he can name. What may
be named is limited here, before anything is stored and again before each SubmitJob. A request
changes neither role nor image, and sets no variable that changes what the image's own code does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.kind_document import KINDS

MEMBERS = frozenset(
    {
        "arrayProperties",
        "containerOverrides",
        "jobDefinition",
        "jobQueue",
        "parameters",
        "propagateTags",
        "retryStrategy",
        "schedulingPriorityOverride",
        "shareIdentifier",
        "tags",
        "timeout",
    }
)
"""Members of SubmitJob that a document may set: no ecs, eks or node overrides."""

CONTAINER_MEMBERS = frozenset({"command", "environment", "resourceRequirements"})

OWN_VARIABLES = frozenset({"BATCH_SCHEDULER_RUN", "BATCH_SCHEDULER_JOB", "BATCH_SCHEDULER_ATTEMPT"})
"""Who a job is: set by the engine alone, because a job claims its attempt by them."""

MAX_TAGS = 47  # of a document: SubmitJob takes 50 (API_SubmitJob), and three are the engine's
_KEPT_NAMES = frozenset({"PATH", "BASH_ENV", "BATCH_FILE_ALLOWED"})
_KEPT_PREFIXES = ("AWS_", "ECS_", "LD_", "PYTHON", "BATCH_SCHEDULER_", "BASH_FUNC_")
_KEPT_TAG_PREFIX = "batch-scheduler:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What documents may name. Empty means: all that the role's policy allows.

    An entry is a name or an ARN, of one revision or of all; with `*` at its end it is what names
    begin with. `most` has the largest amount of a resource requirement (`VCPU`, `MEMORY`, `GPU`).
    `ready_made` is what the names of the kinds' own definitions begin with: they may always be
    named, and are there only if whoever deployed has said what they may use.
    """

    definitions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    most: Mapping[str, float] = field(default_factory=dict)
    ready_made: str = ""


def with_definition(request: Mapping[str, Any], allowed: Allowed) -> Mapping[str, Any]:
    """The request with the definition of the kind that it uses in the place of the kind."""
    if "uses" not in request:
        return request
    named = {"jobDefinition": f"{allowed.ready_made}{request['uses']}"}
    return without_kind(request) | named


def without_kind(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request where a command is enough."""
    return {key: value for key, value in request.items() if key != "uses"}


def lacking(request: Mapping[str, Any], allowed: Allowed) -> str:
    """What a document's request needs besides, or instead, to be run; empty for nothing."""
    request = with_definition(request, allowed)
    needs = []
    if not request.get("jobDefinition"):
        needs.append("a registered jobDefinition")
    if not request.get("jobQueue"):
        needs.append("a jobQueue")
    if needs:
        inline = "" if request.get("jobDefinition") else _INLINE
        return " and ".join(needs) + inline
    return objection(request, allowed)


_INLINE = " (one that the document gives under `jobDefinitions` runs on one machine only)"


def objection(
    request: Mapping[str, Any], allowed: Allowed, own: frozenset[str] = frozenset()
) -> str:
    """What must be otherwise in the request, as "a request without …"; empty for nothing.

    `own` are the names of variables that the engine has added.
    """
    return next(_objections(request, allowed, own), "")


def _objections(request: Mapping[str, Any], allowed: Allowed, own: frozenset[str]) -> Iterator[str]:
    overrides: Mapping[str, Any] = request.get("containerOverrides") or {}
    yield from _without("a request", request.keys() - MEMBERS)
    yield from _without("containerOverrides", overrides.keys() - CONTAINER_MEMBERS)
    definition, queue = request.get("jobDefinition", ""), request.get("jobQueue", "")
    if not (is_ready_made(definition, allowed) or _matches(definition, allowed.definitions)):
        yield f"a jobDefinition that is allowed here, and {definition!r} is not"
    if not _matches(queue, allowed.queues):
        yield f"a jobQueue that is allowed here, and {queue!r} is not"
    yield from _environment_objections(overrides.get("environment") or (), own)
    yield from _resource_objections(overrides.get("resourceRequirements") or (), allowed.most)
    yield from _tag_objections(request.get("tags") or {})


def _without(what: str, unknown: Iterable[str]) -> Iterator[str]:
    if names := ", ".join(sorted(unknown)):
        yield f"{what} without {names}"


def is_kept(variable: str) -> bool:
    """Say whether only the job definition may set this variable.

    Without regard to case: some programs read their variables so.
    """
    name = variable.upper()
    return name in _KEPT_NAMES or name.startswith(_KEPT_PREFIXES)


def _environment_objections(
    environment: Iterable[Mapping[str, Any]], own: frozenset[str]
) -> Iterator[str]:
    seen = set()
    for variable in environment:
        name = variable["name"]
        if name in seen:
            yield f"an environment that sets {name} once only"
        elif name not in own and is_kept(name):
            yield f"an environment without {name}, which only the job definition may set"
        seen.add(name)


def _resource_objections(
    requirements: Iterable[Mapping[str, Any]], most: Mapping[str, float]
) -> Iterator[str]:
    for requirement in requirements:
        kind, value = requirement["type"], requirement["value"]
        limit = most.get(kind)
        if limit is not None and not _amount(value) <= limit:
            yield f"at most {limit:g} of {kind}, and asks for {value}"


def _amount(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _tag_objections(tags: Mapping[str, str]) -> Iterator[str]:
    if len(tags) > MAX_TAGS:
        yield f"at most {MAX_TAGS} tags"
    yield from _without("tags", (key for key in tags if key.lower().startswith(_KEPT_TAG_PREFIX)))


def _matches(name: str, entries: tuple[str, ...]) -> bool:
    """Say whether an entry names this; a revision at the end of the name is free."""
    if not entries:
        return True
    family = without_revision(name)
    return any(
        name.startswith(entry[:-1]) if entry.endswith("*") else entry in (name, family)
        for entry in entries
    )


def is_ready_made(definition: str, allowed: Allowed) -> bool:
    """Say whether this is the own definition of a kind."""
    family = without_revision(definition)
    return bool(allowed.ready_made) and family in {f"{allowed.ready_made}{k}" for k in KINDS}


def without_revision(definition: str) -> str:
    """The name or ARN of all revisions of a job definition."""
    family, _, revision = definition.rpartition(":")
    # The last part of an ARN without a revision holds a slash, so it is never all digits.
    return family if family and revision.isascii() and revision.isdecimal() else definition


def has_revision(definition: str) -> bool:
    """Say whether this names one revision, so that it means the same for ever."""
    return without_revision(definition) != definition
