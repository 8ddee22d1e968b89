"""What must hold between the parts of a document, beyond what each field says by itself.

Works on plain values, not on models: it must find what it can in documents that have other faults.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core.document import MAX_JOBS
from chalicelib.core.fields import alike
from chalicelib.core.graph import describe_cycle, find_cycles
from chalicelib.core.kind_checking import check_kinds
from chalicelib.core.output_checking import check_outputs
from chalicelib.core.outputs import MARK
from chalicelib.core.parameters import names_in
from chalicelib.core.wording import Speller, json_path, quoted
from chalicelib.errors import Problem

Fields = Mapping[str, Any]

# Names of jobs are what restarts and operators go by; they are the same in every run.
_NEVER_FILLED = frozenset({"jobName", "jobDependencies", "jobStatus", "jobId"})
_JOB_PARTS = ("jobList", "finally")
_FILLED_PARTS = (*_JOB_PARTS, "defaults", "jobDefinitions")


@dataclass(frozen=True, slots=True)
class Node:
    """A job of the document, as far as it is one."""

    place: tuple[str, int]
    name: str
    fields: Fields

    @property
    def is_finally(self) -> bool:
        return self.place[0] == "finally"

    def path(self, *below: str | int) -> str:
        """Made when there is a problem to tell: most jobs have none."""
        return json_path((*self.place, *below))


def nodes_of(document: Fields) -> list[Node]:
    """All jobs that have a name."""
    return [
        Node((part, index), job["jobName"], job)
        for part in ("jobList", "finally")
        for index, job in enumerate(_list(document.get(part)))
        if isinstance(job, Mapping) and isinstance(job.get("jobName"), str)
    ]


def check_document(document: Fields, speller: Speller) -> Iterator[Problem]:
    """Everything wrong with names, dependencies, commands and placeholders."""
    nodes = nodes_of(document)
    yield from _check_count(document)
    yield from _check_names(nodes)
    yield from _check_dependencies(nodes, speller)
    yield from _check_cycles(nodes)
    yield from _check_work(document, nodes)
    yield from _check_commands(document, nodes)
    yield from check_kinds(document)
    yield from _check_placeholders(document, nodes, speller)


def _check_count(document: Fields) -> Iterator[Problem]:
    jobs, last = len(_list(document.get("jobList"))), len(_list(document.get("finally")))
    # A longer list by itself is refused by its own bound.
    if max(jobs, last) <= MAX_JOBS < jobs + last:
        found = f"{jobs:,} and {last:,} in `finally`"
        yield Problem("$.jobList", "too many jobs", found, f"{MAX_JOBS:,} in all")


def _check_names(nodes: Sequence[Node]) -> Iterator[Problem]:
    first: dict[str, Node] = {}
    for node in nodes:
        other = first.setdefault(alike(node.name), node)
        if other is node:
            continue
        difference = "" if other.name == node.name else ", but for case or form of letters,"
        yield Problem(
            node.path("jobName"),
            f"{quoted(node.name)} is{difference} the name of {other.path()} too",
            allowed="a name no other job has",
        )


def _check_dependencies(nodes: Sequence[Node], speller: Speller) -> Iterator[Problem]:
    sides = {
        side: {node.name for node in nodes if node.is_finally is side} for side in (False, True)
    }
    for node in nodes:
        own, other = sides[node.is_finally], sides[not node.is_finally]
        seen: set[str] = set()
        for index, up in enumerate(_upstream(node)):
            if up in seen:
                yield _wrong(node, index, "waits for a job twice", up)
            elif up == node.name:
                yield _wrong(node, index, "waits for itself", up)
            elif up in own:
                pass
            elif up in other:
                yield _wrong(node, index, _WRONG_SIDE[node.is_finally], up)
            else:
                suggestion = speller.nearest(up, own)
                yield _wrong(node, index, "waits for a job that is not there", up, suggestion)
            seen.add(up)


_WRONG_SIDE = {
    False: "can't wait for a job of `finally`: these run last",
    True: "starts after all jobs of jobList anyway and can wait only for others in `finally`",
}


def _wrong(node: Node, index: int, reason: str, found: str, suggestion: str = "") -> Problem:
    return Problem(
        node.path("jobDependencies", index),
        f"job {quoted(node.name)} {reason}",
        quoted(found),
        "each name of another job of the same list once",
        suggestion,
    )


def _check_cycles(nodes: Sequence[Node]) -> Iterator[Problem]:
    by_name = {node.name: node for node in nodes}
    upstream = {node.name: [up for up in _upstream(node) if up != node.name] for node in nodes}
    for cycle in find_cycles(upstream):
        yield Problem(
            by_name[cycle[0]].path("jobDependencies"),
            f"these jobs wait for each other: {describe_cycle(cycle)}",
            allowed="a graph without cycles",
        )


def _check_work(document: Fields, nodes: Sequence[Node]) -> Iterator[Problem]:
    defaults = _mapping(document.get("defaults"))
    for node in nodes:
        is_busy = _has_work(node.fields) or _has_work(defaults)
        if not (is_busy or node.fields.get("hold") is True or is_passed(node.fields)):
            yield Problem(
                node.path(),
                f"job {quoted(node.name)} has nothing to do",
                allowed="a command, a jobDefinition, uses, hold: true or jobStatus: PASS",
            )


def is_passed(job: Fields) -> bool:
    """Whether the document says that the job counts as done."""
    return str(job.get("jobStatus")).strip().upper() in {"PASS", "SKIP"}


def _has_work(fields: Fields) -> bool:
    overrides = _mapping(fields.get("containerOverrides"))
    said = (*map(fields.get, ("jobDefinition", "command", "uses")), overrides.get("command"))
    return any(work is not None for work in said)


def _check_commands(document: Fields, nodes: Sequence[Node]) -> Iterator[Problem]:
    defaults = _mapping(document.get("defaults"))
    for node in nodes:
        yield from _check_command(node.place, node.fields, defaults.get("shell"))
    yield from _check_command(("defaults",), defaults)
    for name, definition in _mapping(document.get("jobDefinitions")).items():
        if isinstance(definition, Mapping):
            yield from _check_command(("jobDefinitions", name), definition)


def _check_command(
    place: tuple[str | int, ...], fields: Fields, default_shell: object = None
) -> Iterator[Problem]:
    command = fields.get("command")
    shell = fields.get("shell")
    if isinstance(command, str) and (default_shell if shell is None else shell) is not True:
        allowed = "a list of arguments, or shell: true beside the text"
        path = json_path((*place, "command"))
        yield Problem(path, "is a text for a shell", quoted(command), allowed)
    if isinstance(command, list) and shell is True:
        allowed = "one text with shell: true, a list of arguments without"
        yield Problem(json_path((*place, "command")), "is a list, and shell is true", "", allowed)
    if command and _mapping(fields.get("containerOverrides")).get("command"):
        path = json_path((*place, "containerOverrides", "command"))
        yield Problem(path, "is a second command", "", "one command")


def _check_placeholders(
    document: Fields, nodes: Sequence[Node], speller: Speller
) -> Iterator[Problem]:
    declared = _mapping(document.get("parameters"))
    with_outputs = []
    for part in _FILLED_PARTS:
        for path, text in _texts((part,), document.get(part)):
            if MARK in text:
                with_outputs.append((path, text))
            for name in names_in(text):
                if name not in declared:
                    yield Problem(
                        json_path(path),
                        f"${{{name}}} is no parameter of the schedule",
                        quoted(text),
                        f"a name under `parameters`; $${{{name}}} for the characters themselves",
                        speller.nearest(name, declared),
                    )
    if with_outputs:
        jobs: dict[tuple[str | int, ...], str] = {node.place: node.name for node in nodes}
        yield from check_outputs(with_outputs, _upstream_of_all(nodes), jobs, speller)


def _upstream_of_all(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """What each job waits for; a finally job without an own one for all that are none."""
    main = [node.name for node in nodes if not node.is_finally]
    return {
        node.name: _upstream(node) or (main if node.is_finally else []) for node in reversed(nodes)
    }


def _texts(
    path: tuple[str | int, ...], value: object
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text below, with its path, in which placeholders are filled."""
    if isinstance(value, str):
        if "${" in value:
            yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts((*path, index), item)
    elif isinstance(value, Mapping):
        is_job = len(path) == 2 and path[0] in _JOB_PARTS
        for key, member in value.items():
            if not (is_job and key in _NEVER_FILLED):
                yield from _texts((*path, key), member)


def _upstream(node: Node) -> list[str]:
    return [up for up in _list(node.fields.get("jobDependencies")) if isinstance(up, str)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}
