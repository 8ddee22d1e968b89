"""DynamoDB's expressions, said of one item. Nothing here changes an item in place."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Context
from itertools import pairwise
from typing import Any

from tests.strict.answers import Params
from tests.strict.dynamodb_expressions import Tree, read
from tests.strict.dynamodb_values import Item, Value, accepted, invalid, plain

_ARITHMETIC = Context(prec=38)
_ORDERED = ("S", "N", "B")  # types that <, <=, >, >= and BETWEEN take
_TAKES: Mapping[Any, Sequence[str]] = {  # types of the operands of each operator that minds
    **dict.fromkeys(("<", "<=", ">", ">=", "between"), _ORDERED),
    "begins_with": ("S", "B"),
    "attribute_type": ("S",),
}
_LENGTHS = ("S", "B", "L", "M", "SS", "NS", "BS")  # types that have a size

Path = list[str | int]


class Placeholders:
    """The names and values of one request; each must be used, and each used one given."""

    def __init__(self, request: Params) -> None:
        self._names: dict[str, str] = request.get("ExpressionAttributeNames", {})
        given = request.get("ExpressionAttributeValues", {})
        self.values: dict[str, Value] = {name: accepted(value) for name, value in given.items()}
        self._request = request
        self._used: set[str] = set()

    def read(self, member: str) -> Any:
        """The tree of that expression of the request, None without one."""
        text = self._request.get(member)
        if text is None:
            return None
        expression = read(text, member)
        for kind, used, given in (
            ("name", expression.names, self._names.keys()),
            ("value", expression.values, self.values.keys()),
        ):
            for placeholder in sorted(used - given):
                raise invalid(
                    f"Invalid {member}: An expression attribute {kind} used in the document path "
                    f"is not defined; attribute {kind}: {placeholder}"
                )
        self._used |= expression.names | expression.values
        self._check_types(expression.tree, member)
        return expression.tree

    def finish(self) -> None:
        """Refuse what no expression has used."""
        for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            given = self._request.get(member)
            if given is None:
                continue
            unused = sorted(given.keys() - self._used)
            if not given:
                raise invalid(f"{member} must not be empty")
            if unused:
                raise invalid(
                    f"Value provided in {member} unused in expressions: keys: {{{unused[0]}}}"
                )

    def path(self, tree: Tree) -> Path:
        """The way to an attribute, with its names in place of their placeholders."""
        return [self._names.get(part, part) if isinstance(part, str) else part for part in tree[1:]]

    def name(self, tree: Tree) -> str:
        """The attribute of the item that a path leads into."""
        return str(self.path(tree)[0])

    def find(self, operand: Tree, item: Item) -> Value | None:
        """What an operand is in this item."""
        match operand:
            case ("value", placeholder):
                return self.values[placeholder]
            case ("size", path):
                found = self.find(path, item)
                return None if found is None else {"N": str(_length(found))}
        value: Value | None = {"M": item}
        for part in self.path(operand):
            value = None if value is None else _inside(value, part)
        return value

    def holds(self, tree: Any, item: Item) -> bool:
        """Whether a condition is true of the item; an absent item is an empty one."""
        match tree:
            case None:
                return True
            case ("and", left, right):
                return self.holds(left, item) and self.holds(right, item)
            case ("or", left, right):
                return self.holds(left, item) or self.holds(right, item)
            case ("not", inner):
                return not self.holds(inner, item)
        return self._compares(tree[0], [self.find(each, item) for each in _operands(tree)])

    def _compares(self, word: str, found: list[Value | None]) -> bool:
        there = [each for each in found if each is not None]
        match word:
            case "attribute_exists":
                return bool(there)
            case "attribute_not_exists":
                return not there
            case "<>":
                return len(there) < 2 or plain(there[0]) != plain(there[1])
            case "in":
                return found[0] is not None and plain(there[0]) in map(plain, there[1:])
        return len(there) == len(found) and _is(word, there)

    def updated(self, tree: Any, item: Item) -> Item:
        """The item after an update; every right side sees the item as it was."""
        _check_overlaps([self.path(path) for _, path, _ in tree])
        changed = dict(item)
        removed = []
        for clause, path, operand in tree:
            parts = self.path(path)
            if clause == "REMOVE":
                removed.append(parts)
            elif clause == "SET":
                changed = _with(changed, parts, self._term(operand, item))
            else:
                value = self.values[operand[1]]
                changed = _combined(changed, parts, clause, self.find(path, item), value)
        for parts in sorted(removed, key=_position, reverse=True):
            changed = _with(changed, parts, None)
        return changed

    def _term(self, term: Tree, item: Item) -> Value:
        match term:
            case ("if_not_exists", path, other):
                found = self.find(path, item)
                return self._term(other, item) if found is None else found
            case ("list_append", left, right):
                first, second = self._term(left, item), self._term(right, item)
                if "L" not in first or "L" not in second:
                    raise _wrong_type("list_append", first if "L" in second else second)
                return {"L": [*first["L"], *second["L"]]}
            case ("+" | "-" as sign, left, right):
                return _sum(sign, self._term(left, item), self._term(right, item))
        found = self.find(term, item)
        if found is None:
            raise invalid(
                "The provided expression refers to an attribute that does not exist in the item"
            )
        return found

    def projected(self, tree: Any, item: Item) -> Item:
        """Only what a projection names."""
        if tree is None:
            return item
        paths = [self.path(each) for each in tree]
        if any(len(path) > 1 for path in paths):
            raise NotImplementedError("projections of parts of an attribute aren't faked")
        names = [str(path[0]) for path in paths]
        if len(set(names)) != len(names):
            raise invalid(
                "Invalid ProjectionExpression: Two document paths overlap with each other;"
            )
        return {name: item[name] for name in names if name in item}

    def _check_types(self, tree: Any, member: str) -> None:
        """Refuse operands of a type that their operator never takes."""
        if not isinstance(tree, tuple) or not tree:
            return
        word, takes = tree[0], _TAKES.get(tree[0], ())
        for each in tree[1:]:
            if takes and each[0] == "value" and not self.values[each[1]].keys() & set(takes):
                told = _wrong_type(word, self.values[each[1]]).message
                raise invalid(f"Invalid {member}: {told}")
            self._check_types(each, member)


def _wrong_type(word: str, value: Value) -> Any:
    return invalid(
        "Incorrect operand type for operator or function; operator or function: "
        f"{word}, operand type: {next(iter(value))}"
    )


def _operands(tree: Tree) -> Iterator[Tree]:
    if tree[0] == "in":
        yield tree[1]
        yield from tree[2]
    else:
        yield from tree[1:]


def _is(word: str, found: list[Value]) -> bool:
    if word == "attribute_type":
        return found[1]["S"] in found[0]
    if word == "contains":
        return _contains(found[0], found[1])
    kinds, contents = zip(*map(plain, found), strict=True)
    if len(set(kinds)) > 1:
        return False
    if word == "=":
        return bool(contents[0] == contents[1])
    return kinds[0] in _ORDERED and _is_ordered(word, *contents)


def _is_ordered(word: str, one: Any, other: Any, last: Any = None) -> bool:
    found: bool
    match word:
        case "<":
            found = one < other
        case "<=":
            found = one <= other
        case ">":
            found = one > other
        case ">=":
            found = one >= other
        case "between":
            found = other <= one <= last
        case _:  # begins_with
            found = one[: len(other)] == other
    return found


def _contains(whole: Value, part: Value) -> bool:
    (kind, content), (part_kind, wanted) = plain(whole), plain(part)
    if kind == "L":
        return (part_kind, wanted) in content
    if kind in ("SS", "NS", "BS"):
        return kind[0] == part_kind and next(iter(part.values())) in content
    return kind == part_kind and kind in ("S", "B") and wanted in content


def _length(value: Value) -> int:
    ((kind, content),) = value.items()
    if kind not in _LENGTHS:
        raise invalid(
            "Invalid operand type for operator or function; operator or function: size, "
            f"operand type: {kind}"
        )
    return len(content.encode()) if kind == "S" else len(content)


def _inside(value: Value, part: str | int) -> Value | None:
    if isinstance(part, str):
        found: Value | None = value.get("M", {}).get(part)
        return found
    elements: list[Value] = value.get("L", [])
    return elements[part] if part < len(elements) else None


def _position(path: Path) -> list[tuple[str, int]]:
    return [("", part) if isinstance(part, int) else (part, 0) for part in path]


def _check_overlaps(paths: list[Path]) -> None:
    ordered = sorted(paths, key=_position)
    for first, second in pairwise(ordered):
        if second[: len(first)] == first:
            raise invalid(
                "Invalid UpdateExpression: Two document paths overlap with each other; must remove "
                "or rewrite one of these paths"
            )


def _with(item: Item, path: Path, value: Value | None) -> Item:
    """A copy of the item, and of what is on the way, with the value there; None removes it."""
    changed: Item = _replaced({"M": item}, path, value)["M"]
    return changed


def _replaced(whole: Value, path: Path, value: Value | None) -> Value:
    part, *rest = path
    if rest:
        inner = _inside(whole, part)
        if inner is None:
            raise invalid(
                "The document path provided in the update expression is invalid for update"
            )
        value = _replaced(inner, rest, value)
    if isinstance(part, str) and "M" in whole:
        if value is None:
            return {"M": {name: each for name, each in whole["M"].items() if name != part}}
        return {"M": {**whole["M"], part: value}}
    if isinstance(part, int) and "L" in whole:
        kept = list(whole["L"])
        kept[part : part + 1] = [] if value is None else [value]
        return {"L": kept}
    raise invalid("The document path provided in the update expression is invalid for update")


def _sum(sign: str, left: Value, right: Value) -> Value:
    if "N" not in left or "N" not in right:
        raise _wrong_type(sign, right if "N" in left else left)
    one, other = plain(left)[1], plain(right)[1]
    result = _ARITHMETIC.add(one, other) if sign == "+" else _ARITHMETIC.subtract(one, other)
    return accepted({"N": format(result, "f")})


def _combined(item: Item, path: Path, clause: str, old: Value | None, value: Value) -> Item:
    """ADD and DELETE."""
    ((kind, content),) = value.items()
    if old is not None and kind not in old:
        raise invalid("An operand in the update expression has an incorrect data type")
    if clause == "ADD" and kind == "N":
        return _with(item, path, _sum("+", old or {"N": "0"}, value))
    if kind not in ("SS", "NS", "BS"):
        raise invalid(f"Invalid UpdateExpression: {_wrong_type(clause, value).message}")
    members = [] if old is None else list(old[kind])
    if clause == "ADD":
        return _with(item, path, {kind: [*members, *(c for c in content if c not in members)]})
    left = [each for each in members if each not in content]
    return item if old is None else _with(item, path, {kind: left} if left else None)
