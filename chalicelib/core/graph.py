"""Questions about graphs of names: what goes round in circles, what comes first, what is reached.

Every answer follows the order in which the mapping and its lists name things. Nothing here
recurses: a chain of 10,000 jobs is as good as any graph.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.errors import InvalidInputError

Edges = Mapping[str, Sequence[str]]


def downstream_of(upstream: Edges) -> dict[str, list[str]]:
    """The same graph seen from the other side; names that are no keys are left out."""
    downstream: dict[str, list[str]] = {name: [] for name in upstream}
    for name, above in upstream.items():
        for up in above:
            if up in downstream:
                downstream[up].append(name)
    return downstream


def closure(edges: Edges, names: Iterable[str]) -> set[str]:
    """All that can be reached along the edges from any of `names`, those names included."""
    reached = set(names)
    ahead = list(reached)
    while ahead:
        for name in edges.get(ahead.pop(), ()):
            if name not in reached:
                reached.add(name)
                ahead.append(name)
    return reached


def topological_order(upstream: Edges) -> list[str]:
    """Every name after all its upstream names. Raises InvalidInputError at a cycle."""
    order = _peel(upstream)
    if len(order) < len(upstream):
        cycle = describe_cycle(find_cycles(upstream)[0])
        raise InvalidInputError.at("$", f"these wait for each other: {cycle}")
    return order


def find_cycles(upstream: Edges) -> list[list[str]]:
    """One shortest cycle of each knot of names that all wait for each other.

    Each name of a cycle waits for the next, the last for the first; a cycle begins with the name of
    its knot that comes first in `upstream`, and the cycles are in the order of these names.
    """
    if len(_peel(upstream)) == len(upstream):
        return []
    knot_of = _knots(upstream)
    cycles = []
    seen = set()
    for name in upstream:
        if knot_of[name] not in seen:
            seen.add(knot_of[name])
            cycles.append(_shortest_cycle(upstream, name, knot_of))
    return [cycle for cycle in cycles if cycle]


def describe_cycle(cycle: Sequence[str]) -> str:
    """`a -> b -> c -> a`: each waits for the next."""
    return " -> ".join([*cycle, cycle[0]])


def _peel(upstream: Edges) -> list[str]:
    """The names that can be put in order, in that order: Kahn's algorithm."""
    missing = {name: sum(up in upstream for up in above) for name, above in upstream.items()}
    downstream = downstream_of(upstream)
    ready = deque(name for name, count in missing.items() if count == 0)
    order = []
    while ready:
        name = ready.popleft()
        order.append(name)
        for below in downstream[name]:
            missing[below] -= 1
            if missing[below] == 0:
                ready.append(below)
    return order


def _knots(upstream: Edges) -> dict[str, str]:
    """For each name one name of its strongly connected component (Kosaraju's algorithm)."""
    downstream = downstream_of(upstream)
    knot_of: dict[str, str] = {}
    for root in reversed(_finishing_order(upstream)):
        if root in knot_of:
            continue
        knot_of[root] = root
        ahead = [root]
        while ahead:
            for below in downstream[ahead.pop()]:
                if below not in knot_of:
                    knot_of[below] = root
                    ahead.append(below)
    return knot_of


def _finishing_order(upstream: Edges) -> list[str]:
    """The names in the order in which a depth-first search is done with them."""
    order: list[str] = []
    met: set[str] = set()
    for root in upstream:
        if root in met:
            continue
        met.add(root)
        open_names = [(root, iter(upstream[root]))]
        while open_names:
            name, ahead = open_names[-1]
            unmet = next((up for up in ahead if up in upstream and up not in met), None)
            if unmet is None:
                order.append(name)
                open_names.pop()
            else:
                met.add(unmet)
                open_names.append((unmet, iter(upstream[unmet])))
    return order


def _shortest_cycle(upstream: Edges, start: str, knot_of: Mapping[str, str]) -> list[str]:
    """The shortest way from `start` back to it, or nothing."""
    came_from: dict[str, str] = {}
    ahead = deque([start])
    while ahead:
        name = ahead.popleft()
        for up in upstream[name]:
            if up == start:
                return _way_back(came_from, start, name)
            if knot_of.get(up) == knot_of[start] and up not in came_from:
                came_from[up] = name
                ahead.append(up)
    return []


def _way_back(came_from: Mapping[str, str], start: str, last: str) -> list[str]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
