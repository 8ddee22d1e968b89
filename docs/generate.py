"""Writes the pages, and parts of pages, that are made from the code: `make docs`.

Meanings of statuses, acts and exit codes are the comments beside their members, so that they stand
in one place only. tests/unit/test_docs.py fails while a page differs from what is made here.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from chalicelib.api.authorizing import policy
from chalicelib.api.openapi import description
from chalicelib.cli.exits import Exit
from chalicelib.cli.main import app
from chalicelib.core.access import Role
from chalicelib.core.lifecycle import (
    FINAL,
    OPERATOR_ACTS,
    QUEUED,
    STARTED,
    TRANSITIONS,
    Act,
    JobStatus,
    RunStatus,
)
from chalicelib.core.schema import reference, schema
from docs import access_table, faults, state_machine

DOCS = Path(__file__).parent
MADE = "<!-- Made by `make docs`; change the code it is made from instead. -->\n"
_BLOCK = re.compile(r"(<!-- made: ([a-z ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_MEMBER = re.compile(r"^    ([A-Z_]+) = .*?  # (?:noqa: \S+ - )?(.+)$", re.MULTILINE)
_ORDER = tuple(JobStatus)
_STAGE_ARN = "arn:aws:execute-api:REGION:ACCOUNT:API_ID/api"  # to be filled in by whoever uses it
_BY_IAM = (Role.VIEWER, Role.OPERATOR, Role.AUTHOR)
_AS_BATCH_SAYS = "as AWS Batch says"


def pages() -> dict[Path, str]:
    """Every page that is made here, whole or in part, with the text it must have."""
    made = {
        DOCS / "document-reference.md": f"# Document reference\n\n{MADE}\n{_INTRO}\n{reference()}",
        DOCS / "schedule.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        DOCS / "openapi.json": json.dumps(description(), indent=2, ensure_ascii=False) + "\n",
        DOCS / "verbs.md": f"# Verbs\n\n{MADE}\n{_verbs()}",
        DOCS / "statuses.md": f"# Statuses\n\n{MADE}\n{_statuses()}",
        DOCS / "access.md": f"# Who may do what over HTTP\n\n{MADE}\n{_access()}",
        DOCS / "exit-codes.md": f"# Exit codes\n\n{MADE}\n{_exit_codes()}",
    }
    for role in _BY_IAM:
        text = json.dumps(policy(role, _STAGE_ARN), indent=2) + "\n"
        made[DOCS / "iam" / f"{role.word}.json"] = text
    architecture = DOCS / "architecture.md"
    made[architecture] = filled(architecture.read_text(encoding="utf-8"), {"diagram": diagram()})
    proofs = DOCS / "proofs.md"
    by_fault = table(("", "What goes wrong", "Tests"), faults.rows())
    made[proofs] = filled(proofs.read_text(encoding="utf-8"), {"faults": by_fault})
    machine = state_machine.DEFINITION.with_name("README.md")
    made[machine] = filled(machine.read_text(encoding="utf-8"), _machine_blocks())
    return made


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """The page with every `<!-- made: name -->` block renewed. Raises KeyError for a wrong name."""
    return _BLOCK.sub(lambda found: found[1] + blocks[found[2]] + found[3], text)


def meanings(kind: type[Enum]) -> dict[str, str]:
    """What the comment beside each member of an enumeration says, if there is one."""
    return dict(_MEMBER.findall(inspect.getsource(kind)))


def diagram() -> str:
    """The status table as a Mermaid diagram, without what operators do.

    Statuses between which the queue alone decides share a box; a way back to the same box is left
    out.
    """
    ways: dict[tuple[str, str], dict[str, None]] = {}
    for before, row in TRANSITIONS.items():
        for act in (act for act in row if act not in OPERATOR_ACTS):
            for after in sorted(row[act], key=_ORDER.index):
                if _box(before) != _box(after):
                    ways.setdefault((_box(before), _box(after)), {})[_words(act)] = None
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        f'    state "{_names(QUEUED)}" as QUEUED',
        f'    state "{_names(STARTED)}" as STARTED',
        "    [*] --> WAITING",
        "    [*] --> HELD: gate",
        "    [*] --> PASS: in the document",
        *(f"    {before} --> {after}: {', '.join(acts)}" for (before, after), acts in ways.items()),
        "```\n",
    ]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


_INTRO = """A schedule is one JSON or YAML document. This page lists its fields; the same as JSON
Schema, for editors, is [schedule.schema.json](schedule.schema.json) or `batch-scheduler schema`.
`${name}` in a text is replaced by a parameter of the run, `$${` stands for the two characters `${`.
`${jobs.NAME.outputs.OUTPUT}` is [what another job told](how-to/pass-values-between-jobs.md).
"""


_ROLES = """Each role may do what those above it in this table may. Tokens with these roles are
given by [`batch-scheduler token create`](how-to/give-access.md).
"""


_ROUTES = """A token may be limited to schedules whose ids begin in a given way, its scopes. What
is out of scope is answered as if it were not there, 404; lists leave it out. Where a schedule is
named in the query or the body, the same is answered as where it is in the path.
"""


_OPERATORS = """`asked`: the queue has the job, so it is asked first; its answer leads to the status
that was wanted, unless the job was quicker. Empty: refused, with a sentence that says what is
possible.
"""


def _machine_blocks() -> dict[str, str]:
    """The made parts of the state machine's page."""
    return {
        "state machine": state_machine.diagram(),
        "states": table(("State", "Calls", "What for"), state_machine.state_rows()),
        "retries": table(
            ("Errors", "In", "Again", "After a wait, chosen by chance, of"),
            state_machine.retry_rows(),
        ),
    }


def _box(status: JobStatus) -> str:
    if status in QUEUED:
        return "QUEUED"
    return "STARTED" if status in STARTED else status.value


def _names(statuses: Iterable[JobStatus]) -> str:
    return ", ".join(sorted(statuses, key=_ORDER.index))


def _words(word: str) -> str:
    return word.lower().replace("_", " ")


def _statuses() -> str:
    said = meanings(JobStatus)
    meaning = table(
        ("Status of a job", "Means", "Final"),
        (
            (f"`{status}`", said.get(status, _AS_BATCH_SAYS), "yes" if status in FINAL else "")
            for status in JobStatus
        ),
    )
    runs = ", ".join(f"`{status}`" for status in RunStatus)
    acts = [act for act in Act if act in OPERATOR_ACTS]
    operators = table(
        ("Status", *(f"`{_words(act)}`" for act in acts)),
        ([f"`{status}`", *(_result(status, act) for act in acts)] for status in JobStatus),
    )
    engine = table(
        ("Act", "Means"),
        ((f"`{_words(act)}`", meanings(Act)[act]) for act in Act if act not in OPERATOR_ACTS),
    )
    return "\n".join(
        [
            f"A run is one of {runs}.\n",
            meaning,
            "## What the engine and the queue do\n",
            diagram(),
            engine,
            "## What operators can do\n",
            _OPERATORS,
            operators,
        ]
    )


def _result(status: JobStatus, act: Act) -> str:
    after = TRANSITIONS[status].get(act, frozenset())
    return "asked" if status in after else " or ".join(f"`{name}`" for name in sorted(after))


def _exit_codes() -> str:
    said = meanings(Exit)
    return table(
        ("Code", "Name", "Means"), ((str(code), code.name, said[code.name]) for code in Exit)
    )


def _access() -> str:
    said = meanings(Role)
    roles = table(("Role", "May"), ((role.word, said[role.name]) for role in Role))
    return "\n".join([_ROLES, roles, _ROUTES, table(access_table.HEAD, access_table.rows())])


def verbs() -> dict[str, Any]:
    """Every verb, also those of two words, such as `token create`."""
    found: dict[str, Any] = {}
    for name, command in vars(get_command(app))["commands"].items():
        if command.hidden:  # only a program types it
            continue
        group = vars(command).get("commands")
        found |= (
            {f"{name} {each}": verb for each, verb in group.items()} if group else {name: command}
        )
    return found


def _verbs() -> str:
    listed = table(
        ("Verb", "Does"),
        ((f"[`{name}`](#{name.replace(' ', '-')})", _help(verb)) for name, verb in verbs().items()),
    )
    sections = (_verb(name, verb) for name, verb in verbs().items())
    return (
        listed + "\nEvery verb takes `--state DIR`, `--edition`, `--stage NAME`, `--url URL`,"
        " `--token-file FILE` and `--json` too.\n\n" + "\n".join(sections)
    )


def _verb(name: str, verb: Any) -> str:
    usage = ["batch-scheduler", name, *_usage(verb.params)]
    rows = list(_parameters(verb.params))
    lines = [f"## {name}\n", f"{_help(verb)}\n", f"```\n{' '.join(usage)}\n```\n"]
    if rows:
        lines.append(table(("Parameter", "Means"), rows))
    return "\n".join(lines)


def _help(verb: Any) -> str:
    return " ".join(verb.help.split())


def _usage(parameters: Iterable[Any]) -> Iterator[str]:
    own = [parameter for parameter in parameters if parameter.name not in _SHARED]
    if any(parameter.param_type_name == "option" for parameter in own):
        yield "[OPTIONS]"
    yield from (_argument(each) for each in own if each.param_type_name == "argument")


_SHARED = frozenset({"state", "edition", "stage", "url", "token_file", "as_json", "help"})


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameters(parameters: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for parameter in parameters:
        if parameter.name in _SHARED:
            continue
        is_argument = parameter.param_type_name == "argument"
        name = _argument(parameter) if is_argument else ", ".join(parameter.opts)
        yield f"`{name}`", " ".join(parameter.help.split())


def main() -> None:
    """Write every page that is out of date."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
