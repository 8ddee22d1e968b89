import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.graph import (
    closure,
    describe_cycle,
    downstream_of,
    find_cycles,
    topological_order,
)
from chalicelib.errors import InvalidInputError

Graph = Mapping[str, list[str]]
NAMES = "abcdef"
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES + "x"), max_size=4), max_size=6
)


def reaches(graph: Graph, start: str) -> set[str]:
    """The oracle: names that `start` waits for, directly or not, by repeated addition."""
    found = {up for up in graph[start] if up in graph}
    for _ in NAMES:
        found |= {up for name in found for up in graph[name] if up in graph}
    return found


def knots(graph: Graph) -> set[frozenset[str]]:
    return {
        frozenset(other for other in reaches(graph, name) if name in reaches(graph, other))
        for name in graph
        if name in reaches(graph, name)
    }


@given(GRAPHS)
def test_every_knot_has_one_cycle(graph: Graph) -> None:
    cycles = find_cycles(graph)
    found = {next(knot for knot in knots(graph) if set(cycle) <= knot) for cycle in cycles}
    assert found == knots(graph)
    assert len(cycles) == len(found)


@given(GRAPHS)
def test_each_name_of_a_cycle_waits_for_the_next(graph: Graph) -> None:
    for cycle in find_cycles(graph):
        assert len(set(cycle)) == len(cycle)
        assert all(up in graph[name] for name, up in itertools.pairwise([*cycle, cycle[0]]))


@given(GRAPHS)
def test_cycles_begin_with_the_first_name_of_their_knot_and_come_in_order(graph: Graph) -> None:
    position = {name: index for index, name in enumerate(graph)}
    starts = [position[cycle[0]] for cycle in find_cycles(graph)]
    assert starts == sorted(min(position[name] for name in knot) for knot in knots(graph))


@given(GRAPHS)
def test_a_cycle_is_a_shortest_one_through_its_first_name(graph: Graph) -> None:
    for cycle in find_cycles(graph):
        shorter = itertools.chain.from_iterable(
            itertools.permutations(graph, length) for length in range(1, len(cycle))
        )
        assert not any(
            way[0] == cycle[0]
            and all(up in graph[name] for name, up in itertools.pairwise([*way, way[0]]))
            for way in shorter
        )


@given(GRAPHS)
def test_an_order_puts_upstream_first_or_there_is_a_cycle(graph: Graph) -> None:
    if knots(graph):
        with pytest.raises(InvalidInputError, match="wait for each other"):
            topological_order(graph)
        return
    order = topological_order(graph)
    assert sorted(order) == sorted(graph)
    for name in graph:
        assert all(order.index(up) < order.index(name) for up in graph[name] if up in graph)


@given(GRAPHS, st.lists(st.sampled_from(NAMES), max_size=2))
def test_the_closure_is_the_names_and_all_they_reach(graph: Graph, names: list[str]) -> None:
    known = {**{name: [] for name in NAMES + "x"}, **graph}
    expected = set(names).union(*(reaches(known, name) for name in names))
    assert closure(graph, names) == expected


@given(GRAPHS)
def test_downstream_is_upstream_seen_from_the_other_side(graph: Graph) -> None:
    downstream = downstream_of(graph)
    assert set(downstream) == set(graph)
    pairs = sorted((up, name) for name in graph for up in graph[name] if up in graph)
    assert pairs == sorted((up, name) for up, below in downstream.items() for name in below)


def test_order_is_that_of_the_document_where_the_graph_leaves_it_open() -> None:
    assert topological_order({"d": ["b"], "c": [], "b": [], "a": ["c"]}) == ["c", "b", "a", "d"]


def test_f34_a_cycle_is_shown_as_the_way_around_it() -> None:
    assert describe_cycle(["a", "b"]) == "a -> b -> a"


def test_a_chain_of_ten_thousand_is_no_trouble() -> None:
    chain = {str(i): [str(i + 1)] for i in range(10_000)}
    assert find_cycles(chain) == []
    assert topological_order(chain)[0] == "9999"
    assert len(closure(chain, ["0"])) == 10_001


def test_a_ring_of_ten_thousand_is_one_cycle() -> None:
    ring = {str(i): [str((i + 1) % 10_000)] for i in range(10_000)}
    assert [len(cycle) for cycle in find_cycles(ring)] == [10_000]


def test_the_way_around_a_cycle_goes_from_each_name_to_what_it_waits_for() -> None:
    ring = {"a": ["c"], "b": ["a"], "c": ["d"], "d": ["b"]}
    assert find_cycles(ring) == [["a", "c", "d", "b"]]


def test_an_order_that_a_cycle_forbids_is_refused_with_the_way_around_it() -> None:
    with pytest.raises(InvalidInputError) as caught:
        topological_order({"a": ["c"], "b": ["a"], "c": ["b"]})
    assert str(caught.value) == "$: these wait for each other: a -> c -> b -> a"
