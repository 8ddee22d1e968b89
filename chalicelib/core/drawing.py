"""Graphs of jobs as text, as DOT for Graphviz, as Mermaid: drawn from nodes, whatever they name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import assert_never

from chalicelib.core.document import ScheduleDocument
from chalicelib.core.formats import Format
from chalicelib.core.graph import topological_order
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.schedule import JobSpec, TriggerRule
from chalicelib.core.wording import counted

MERMAID_EDGES = 500  # maxEdges of Mermaid's default configuration; more are not drawn
_SHOWN = 4  # upstream names on a line of text
_WIDEST = 48  # a longer name does not widen its column

FILL: Mapping[str, str] = MappingProxyType(
    {
        JobStatus.SUCCEEDED: "#b7e4c7",
        JobStatus.PASS: "#d8f3dc",
        JobStatus.SKIPPED: "#e9ecef",
        JobStatus.FAILED: "#ffadad",
        JobStatus.NOTFOUND: "#ffadad",
        JobStatus.UPSTREAM_FAILED: "#ffd6a5",
        JobStatus.CANCELLED: "#ffd6a5",
        JobStatus.HELD: "#e0c3fc",
        JobStatus.STARTING: "#a0c4ff",
        JobStatus.RUNNING: "#a0c4ff",
        JobStatus.RESERVED: "#fdffb6",
        JobStatus.SUBMITTED: "#fdffb6",
        JobStatus.PENDING: "#fdffb6",
        JobStatus.RUNNABLE: "#fdffb6",
        JobStatus.WAITING: "#ffffff",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A job to draw. `status` is empty unless it is of a run; `note` is what is unusual of it.

    `is_implied` says that its upstream is drawn although the document does not name it.
    """

    name: str
    upstream: tuple[str, ...] = ()
    is_implied: bool = False
    status: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """How large a graph is: `dependencies` that the document names, and layers in `depth`."""

    jobs: int
    dependencies: int
    depth: int

    @property
    def sentence(self) -> str:
        """`4 jobs, 2 dependencies, depth 3`."""
        dependencies = counted(self.dependencies, "dependency", "dependencies")
        return f"{counted(self.jobs, 'job')}, {dependencies}, depth {self.depth}"


def nodes_of(specs: Iterable[JobSpec], statuses: Mapping[str, str]) -> list[Node]:
    """Nodes for jobs; one that waits for all others is drawn below those nothing else waits for."""
    specs = list(specs)
    main = [spec for spec in specs if not spec.is_finally]
    waited_for = {up for spec in main for up in spec.upstream}
    last = tuple(spec.name for spec in main if spec.name not in waited_for)
    nodes = []
    for spec in specs:
        waits_for_all = spec.is_finally and not spec.upstream
        nodes.append(
            Node(
                name=spec.name,
                upstream=last if waits_for_all else spec.upstream,
                is_implied=waits_for_all,
                status=statuses.get(spec.name, ""),
                note=_note(spec),
            )
        )
    return nodes


def nodes_of_document(document: ScheduleDocument) -> list[Node]:
    """The jobs of a document as they are drawn."""
    finally_jobs = {job.job_name for job in document.finally_jobs or ()}
    default = document.defaults.trigger_rule if document.defaults else None
    specs = []
    for job in document.jobs:
        is_finally = job.job_name in finally_jobs
        # `defaults` hold for the graph, not for what cleans up after it.
        usual = TriggerRule.ALL_DONE if is_finally else default or TriggerRule.ALL_SUCCEEDED
        specs.append(
            JobSpec(
                name=job.job_name,
                upstream=tuple(job.job_dependencies),
                trigger_rule=TriggerRule(job.trigger_rule or usual),
                is_finally=is_finally,
                hold=bool(job.hold),
                request={"command": job.command} if job.command or job.job_definition else {},
            )
        )
    return nodes_of(specs, {})


def draw(nodes: Sequence[Node], title: str, as_format: Format) -> list[str]:
    """Lines in one of the formats."""
    match as_format:
        case Format.TEXT:
            return [f"{title}: {measure(nodes).sentence}", *text(nodes)]
        case Format.DOT:
            return dot(nodes, title)
        case Format.MERMAID:
            return mermaid(nodes)
    assert_never(as_format)


def _note(spec: JobSpec) -> str:
    usual = TriggerRule.ALL_DONE if spec.is_finally else TriggerRule.ALL_SUCCEEDED
    parts = ["finally"] if spec.is_finally else []
    parts += ["gate"] if spec.is_gate else ["held"] if spec.hold else []
    parts += [spec.trigger_rule.value] if spec.trigger_rule is not usual else []
    return ", ".join(parts)


def layers(upstream: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The layer of each name, from 1: one below the lowest of its upstream names."""
    layer: dict[str, int] = {}
    for name in topological_order(upstream):
        layer[name] = 1 + max((layer[up] for up in upstream[name] if up in layer), default=0)
    return layer


def measure(nodes: Sequence[Node]) -> Measures:
    """Count jobs, the dependencies that the document names, and the layers that are drawn."""
    layer = layers({node.name: node.upstream for node in nodes})
    return Measures(
        jobs=len(nodes),
        dependencies=sum(len(node.upstream) for node in nodes if not node.is_implied),
        depth=max(layer.values(), default=0),
    )


def text(nodes: Sequence[Node]) -> list[str]:
    """A line a job, layer by layer, each after all it waits for: `2  join  RUNNING  <- a, b`."""
    layer = layers({node.name: node.upstream for node in nodes})
    ordered = sorted(nodes, key=lambda node: layer[node.name])
    number = len(str(max(layer.values(), default=0)))
    name = min(max((len(node.name) for node in nodes), default=0), _WIDEST)
    status = max((len(node.status) for node in nodes), default=0)
    lines = []
    for depth, group in groupby(ordered, key=lambda node: layer[node.name]):
        for position, node in enumerate(group):
            head = f"{depth if position == 0 else '':>{number}}"
            cells = [head, f"{node.name:{name}}"]
            cells += [f"{node.status:{status}}"] if status else []
            lines.append("  ".join([*cells, _tail(node)]).rstrip())
    return lines


def _tail(node: Node) -> str:
    parts = []
    if node.upstream:
        more = len(node.upstream) - _SHOWN
        names = ", ".join(node.upstream[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"<- {names}")
    if node.note:
        parts.append(f"({node.note})")
    return " ".join(parts)


def dot(nodes: Sequence[Node], title: str) -> list[str]:
    """Lines for Graphviz; jobs are named `n1`, `n2` … there and carry their names as labels."""
    number = {node.name: f"n{index}" for index, node in enumerate(nodes, 1)}
    lines = [
        f"digraph {_dot_quoted(title)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];',
    ]
    for node in nodes:
        members = [f"label={_dot_quoted(_label(node))}"]
        if node.status:
            members.append(f'fillcolor="{FILL.get(node.status, "#ffffff")}"')
            members.append(f"tooltip={_dot_quoted(node.status)}")
        lines.append(f"  {number[node.name]} [{', '.join(members)}];")
    for node in nodes:
        lines += [f"  {number[up]} -> {number[node.name]};" for up in node.upstream]
    return [*lines, "}"]


def mermaid(nodes: Sequence[Node]) -> list[str]:
    """Lines for Mermaid; jobs are named as in `dot`."""
    number = {node.name: f"n{index}" for index, node in enumerate(nodes, 1)}
    lines = ["flowchart LR"]
    for node in nodes:
        kind = f":::{node.status}" if node.status else ""
        lines.append(f'  {number[node.name]}["{_mermaid_escaped(_label(node))}"]{kind}')
    for node in nodes:
        lines += [f"  {number[up]} --> {number[node.name]}" for up in node.upstream]
    for status in sorted({node.status for node in nodes if node.status}):
        fill = FILL.get(status, "#ffffff")
        lines.append(f"  classDef {status} fill:{fill},stroke:#495057,color:#212529")
    return lines


def _label(node: Node) -> str:
    return f"{node.name}\n({node.note})" if node.note else node.name


def _dot_quoted(label: str) -> str:
    # In labels a backslash begins an escape (`\N`, `\l`), so it must be doubled (escString).
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _mermaid_escaped(label: str) -> str:
    """Only letters, digits and a few more stand for themselves: the rest as `#code;`."""
    plain = " _-.:()"
    return "".join(
        "<br>" if c == "\n" else c if c.isalnum() or c in plain else f"#{ord(c)};" for c in label
    )
