import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import drawing
from chalicelib.core.drawing import (
    FILL,
    Measures,
    Node,
    dot,
    layers,
    measure,
    mermaid,
    nodes_of,
    nodes_of_document,
    text,
)
from chalicelib.core.formats import Format
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.schedule import TriggerRule
from tests.builders import job, loaded
from tests.unit.runs import gate, spec

NAMES = st.text(min_size=1, max_size=12).filter(lambda name: "\n" not in name)


@st.composite
def graphs(draw: st.DrawFn, named: st.SearchStrategy[str] = NAMES) -> list[Node]:
    """Nodes of such names, each with upstream jobs among those before it."""
    names = draw(st.lists(named, min_size=1, max_size=8, unique=True))
    statuses = st.sampled_from(["", *JobStatus])
    return [
        Node(
            name=name,
            upstream=tuple(draw(st.lists(st.sampled_from(names[:i]), unique=True))) if i else (),
            status=str(draw(statuses)),
        )
        for i, name in enumerate(names)
    ]


def edges_of(nodes: list[Node]) -> set[tuple[str, str]]:
    return {(up, node.name) for node in nodes for up in node.upstream}


def edges_in(lines: list[str], arrow: str, labels: dict[str, str]) -> set[tuple[str, str]]:
    pattern = re.compile(rf"  (n\d+) {arrow} (n\d+);?")
    found = (pattern.fullmatch(line) for line in lines)
    return {(labels[edge[1]], labels[edge[2]]) for edge in found if edge}


def dot_labels(lines: list[str]) -> dict[str, str]:
    """Labels by node, read as Graphviz reads them: a backslash takes the next character along."""
    pattern = re.compile(r'  (n\d+) \[label="((?:[^"\\]|\\.)*)"[],].*', re.DOTALL)
    found = (pattern.fullmatch(line) for line in lines)
    return {node[1]: re.sub(r"\\(.)", r"\1", node[2], flags=re.DOTALL) for node in found if node}


def mermaid_labels(lines: list[str]) -> dict[str, str]:
    pattern = re.compile(r'  (n\d+)\["([^"<>`]*)"\](?::::[A-Z_]+)?', re.DOTALL)
    found = (pattern.fullmatch(line) for line in lines)
    return {
        node[1]: re.sub(r"#(\d+);", lambda code: chr(int(code[1])), node[2])
        for node in found
        if node
    }


def test_text_lists_each_job_below_what_it_waits_for() -> None:
    nodes = [
        Node(name="load", upstream=("clean",)),
        Node(name="orders"),
        Node(name="clean", upstream=("orders", "customers")),
        Node(name="customers"),
    ]
    assert text(nodes) == [
        "1  orders",
        "   customers",
        "2  clean      <- orders, customers",
        "3  load       <- clean",
    ]


def test_text_has_a_column_of_statuses_for_a_run() -> None:
    nodes = [
        Node(name="a", status="FAILED"),
        Node(name="b", upstream=("a",), status="UPSTREAM_FAILED", note="any failed"),
    ]
    assert text(nodes) == [
        "1  a  FAILED",
        "2  b  UPSTREAM_FAILED  <- a (any failed)",
    ]


def test_text_names_four_upstream_jobs_and_counts_the_rest() -> None:
    names = tuple(f"j{number}" for number in range(6))
    nodes = [*(Node(name=name) for name in names), Node(name="join", upstream=names)]
    assert text(nodes)[-1] == "2  join  <- j0, j1, j2, j3 and 2 more"


def test_text_names_exactly_four_upstream_jobs_without_counting() -> None:
    names = tuple(f"j{number}" for number in range(4))
    nodes = [*(Node(name=name) for name in names), Node(name="join", upstream=names)]
    assert text(nodes)[-1] == "2  join  <- j0, j1, j2, j3"


def test_a_long_name_is_not_cut_and_does_not_push_the_others_away() -> None:
    long = "x" * 100
    lines = text([Node(name=long), Node(name="b", upstream=(long,))])
    assert lines[0] == f"1  {long}"
    assert lines[1] == f"2  b{' ' * 47}  <- {long}"


def test_layer_numbers_are_aligned_from_ten_layers_on() -> None:
    chain = [Node(name="j1")]
    chain += [Node(name=f"j{n}", upstream=(f"j{n - 1}",)) for n in range(2, 11)]
    lines = text(chain)
    assert lines[0] == " 1  j1"
    assert lines[9] == "10  j10  <- j9"


def test_nothing_is_drawn_of_nothing() -> None:
    assert text([]) == []


@given(graphs())
def test_every_job_is_in_the_text_once_and_after_all_it_waits_for(nodes: list[Node]) -> None:
    layer = layers({node.name: node.upstream for node in nodes})
    assert len(text(nodes)) == len(nodes)
    assert set(layer) == {node.name for node in nodes}
    assert all(layer[up] < layer[down] for up, down in edges_of(nodes))


@given(graphs())
def test_a_job_is_directly_below_one_that_it_waits_for(nodes: list[Node]) -> None:
    layer = layers({node.name: node.upstream for node in nodes})
    for node in nodes:
        assert layer[node.name] == 1 + max((layer[up] for up in node.upstream), default=0)


def test_a_name_that_is_no_job_of_the_graph_has_no_layer() -> None:
    assert layers({"b": ["unknown"]}) == {"b": 1}


def test_measures_are_jobs_dependencies_and_the_longest_chain() -> None:
    nodes = [Node(name="a"), Node(name="b", upstream=("a",)), Node(name="c", upstream=("a", "b"))]
    assert measure(nodes) == Measures(jobs=3, dependencies=3, depth=3)
    assert measure([]) == Measures(jobs=0, dependencies=0, depth=0)


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (Measures(jobs=1, dependencies=0, depth=1), "1 job, 0 dependencies, depth 1"),
        (Measures(jobs=2, dependencies=1, depth=2), "2 jobs, 1 dependency, depth 2"),
    ],
)
def test_one_of_a_kind_is_told_in_the_singular(size: Measures, sentence: str) -> None:
    assert size.sentence == sentence


@given(graphs())
def test_dot_says_every_name_and_edge_whatever_the_names(nodes: list[Node]) -> None:
    lines = dot(nodes, "any")
    labels = dot_labels(lines)
    assert sorted(labels.values()) == sorted(node.name for node in nodes)
    assert edges_in(lines, "->", labels) == edges_of(nodes)


def test_dot_is_a_digraph_named_by_its_title() -> None:
    lines = dot([Node(name="a")], 'the "etl"\\')
    assert lines[0] == 'digraph "the \\"etl\\"\\\\" {'
    assert lines[-1] == "}"


def test_dot_colours_and_tells_the_status_of_a_job_of_a_run() -> None:
    line = dot([Node(name="a", status="FAILED")], "etl")[3]
    assert line == '  n1 [label="a", fillcolor="#ffadad", tooltip="FAILED"];'


def test_dot_breaks_the_line_before_a_note() -> None:
    assert '  n1 [label="a\\n(gate)"];' in dot([Node(name="a", note="gate")], "etl")


@given(graphs())
def test_mermaid_says_every_name_and_edge_whatever_the_names(nodes: list[Node]) -> None:
    lines = mermaid(nodes)
    labels = mermaid_labels(lines)
    assert sorted(labels.values()) == sorted(node.name for node in nodes)
    assert edges_in(lines, "-->", labels) == edges_of(nodes)


def test_mermaid_gives_each_status_its_class_once() -> None:
    nodes = [Node(name=name, status="RUNNING") for name in "ab"] + [Node(name="c", status="HELD")]
    lines = mermaid(nodes)
    assert lines[:3] == ["flowchart LR", '  n1["a"]:::RUNNING', '  n2["b"]:::RUNNING']
    assert lines[-2:] == [
        "  classDef HELD fill:#e0c3fc,stroke:#495057,color:#212529",
        "  classDef RUNNING fill:#a0c4ff,stroke:#495057,color:#212529",
    ]


def test_mermaid_breaks_the_line_before_a_note() -> None:
    assert '  n1["a<br>(gate)"]' in mermaid([Node(name="a", note="gate")])


def test_every_status_has_a_colour() -> None:
    assert set(FILL) == set(JobStatus)


def test_what_a_finally_job_waits_for_without_naming_it_is_no_dependency() -> None:
    specs = (spec("a"), spec("b", "a"), spec("tidy", is_finally=True),
             spec("tell", "tidy", is_finally=True))  # fmt: skip
    assert measure(nodes_of(specs, {})).dependencies == 2


# A document's names hold no control characters: a line that ends within a name is none of ours.
@given(graphs(NAMES.filter(str.isprintable)))
def test_the_depth_told_is_the_number_of_layers_drawn(nodes: list[Node]) -> None:
    drawn = [line for line in text(nodes) if not line.startswith(" ")]
    assert measure(nodes).depth == (int(drawn[-1].split()[0]) if drawn else 0)


def test_a_finally_job_is_drawn_below_the_jobs_that_nothing_waits_for() -> None:
    nodes = nodes_of(
        [
            spec("a"),
            spec("b", "a"),
            spec("c", "a"),
            spec("tidy", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
            spec("tell", "tidy", is_finally=True, trigger_rule=TriggerRule.ALL_DONE),
        ],
        {},
    )
    assert nodes[3] == Node(name="tidy", upstream=("b", "c"), is_implied=True, note="finally")
    assert nodes[4] == Node(name="tell", upstream=("tidy",), note="finally")


def test_a_node_notes_what_is_unusual_of_its_job() -> None:
    nodes = nodes_of(
        [
            spec("usual"),
            spec("alarm", "usual", trigger_rule=TriggerRule.ANY_FAILED),
            spec("held", hold=True),
            gate("gate"),
            spec("last", is_finally=True, trigger_rule=TriggerRule.ALL_SUCCEEDED),
        ],
        {"usual": "FAILED"},
    )
    notes = [node.note for node in nodes]
    assert notes == ["", "any failed", "held", "gate", "finally, all succeeded"]
    assert [node.status for node in nodes] == ["FAILED", "", "", "", ""]


def test_a_graph_is_drawn_as_it_is_asked_for() -> None:
    nodes = nodes_of_document(
        loaded(job("a"), job("b", "a", triggerRule="all done"), finally_jobs=[job("end")])
    )
    assert (
        drawing.draw(nodes, "nightly", Format.TEXT)[0] == "nightly: 3 jobs, 1 dependency, depth 3"
    )
    assert drawing.draw(nodes, "nightly", Format.DOT) == dot(nodes, "nightly")
    assert drawing.draw(nodes, "nightly", Format.MERMAID) == mermaid(nodes)
