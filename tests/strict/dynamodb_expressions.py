"""DynamoDB's expressions, read into trees of tuples; each text is read once."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from tests.strict.answers import AwsError
from tests.strict.dynamodb_values import invalid

MAX_EXPRESSION = 4096  # bytes
_MAX_OPERATORS = 300
_MAX_CHOICES = 100  # operands of IN
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<name>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<number>\d+)|(?P<mark><>|<=|>=|[=<>(),.\[\]+-]))"
)
_RESERVED = frozenset(ReservedKeywords.get_reserved_keywords())
_COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
_TESTS = {  # how many operands each takes
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")

Tree = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as it was read, and the placeholders that it uses."""

    tree: Any
    names: frozenset[str]
    values: frozenset[str]


@lru_cache(maxsize=4096)
def read(text: str, member: str) -> Expression:
    """The expression of a request's member. Raises ValidationException."""
    reader = _Reader(text, member)
    match member:
        case "UpdateExpression":
            return reader.finished(tuple(reader.clauses()))
        case "ProjectionExpression":
            return reader.finished(tuple(reader.separated(reader.path)))
    return reader.finished(reader.either())


class _Reader:
    def __init__(self, text: str, member: str) -> None:
        self._member = member
        self._names: set[str] = set()
        self._values: set[str] = set()
        self._operators = 0
        self._at = 0
        if not text.strip():
            raise self._wrong("The expression can not be empty;")
        if (size := len(text.encode())) > MAX_EXPRESSION:
            raise self._wrong(
                f"Expression size has exceeded the maximum allowed size; expression size: {size}"
            )
        self._tokens = self._split(text.rstrip())

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong(f'Syntax error; token: "{text[at:].strip()[:10]}"')
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        return tokens

    def finished(self, tree: Any) -> Expression:
        if self._at < len(self._tokens):
            raise self._unexpected()
        if self._operators > _MAX_OPERATORS:
            raise self._wrong(
                f"The expression contains too many operators; operator count: {self._operators}"
            )
        return Expression(tree, frozenset(self._names), frozenset(self._values))

    def either(self) -> Tree:
        left = self._both()
        while self._takes("OR"):
            self._operators += 1
            left = ("or", left, self._both())
        return left

    def _both(self) -> Tree:
        left = self._negated()
        while self._takes("AND"):
            self._operators += 1
            left = ("and", left, self._negated())
        return left

    def _negated(self) -> Tree:
        if self._takes("NOT"):
            self._operators += 1
            return ("not", self._negated())
        if self._takes("("):
            again = self._peek()[1] == "("
            first = self._at
            inner = self.either()
            if again and self._tokens[self._at - 1][1] == ")" and self._closes(first):
                raise self._wrong("The expression has redundant parentheses;")
            self._expect(")")
            return inner
        return self._test() if self._peek()[1] in _TESTS else self._comparison()

    def _closes(self, opening: int) -> bool:
        """Whether the parenthesis at `opening` is closed by the token just read."""
        depth = 0
        for at in range(opening, self._at):
            depth += {"(": 1, ")": -1}.get(self._tokens[at][1], 0)
            if depth == 0:
                return at == self._at - 1
        return False

    def _test(self) -> Tree:
        self._operators += 1
        name = self._next()[1]
        self._expect("(")
        operands = self.separated(self._operand)
        self._expect(")")
        if len(operands) != _TESTS[name]:
            raise self._wrong(
                f"Incorrect number of operands for operator or function; operator or function: "
                f"{name}, number of operands: {len(operands)}"
            )
        if operands[0][0] != "path":
            raise self._wrong(
                f"Operator or function requires a document path; operator or function: {name}"
            )
        return (name, *operands)

    def _comparison(self) -> Tree:
        self._operators += 1
        left = self._operand()
        if self._takes("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            return ("between", left, low, self._operand())
        if self._takes("IN"):
            self._expect("(")
            choices = self.separated(self._operand)
            self._expect(")")
            if len(choices) > _MAX_CHOICES:
                raise self._wrong("The IN operator is provided with too many operands;")
            return ("in", left, tuple(choices))
        if self._peek()[1] not in _COMPARATORS:
            raise self._unexpected()
        word = self._next()[1]
        right = self._operand()
        if left == right and left[0] == "path":
            raise self._wrong(
                "The first operand must be distinct from the remaining operands for this "
                f"operator or function; operator: {word}"
            )
        return (word, left, right)

    def _operand(self) -> Tree:
        kind, word = self._peek()
        if kind == "value":
            self._at += 1
            self._values.add(word)
            return ("value", word)
        if word == "size" and self._peek(1)[1] == "(":
            self._at += 2
            path = self.path()
            self._expect(")")
            return ("size", path)
        return self.path()

    def path(self) -> Tree:
        parts: list[str | int] = [self._part()]
        while True:
            if self._takes("."):
                parts.append(self._part())
            elif self._takes("["):
                kind, word = self._next()
                if kind != "number":
                    raise self._wrong(f'Syntax error; token: "{word}"')
                parts.append(int(word))
                self._expect("]")
            else:
                return ("path", *parts)

    def _part(self) -> str:
        kind, word = self._peek()
        if kind == "name":
            self._names.add(word)
        elif kind != "word":
            raise self._unexpected()
        elif word.upper() in _RESERVED:
            raise self._wrong(f"Attribute name is a reserved keyword; reserved keyword: {word}")
        self._at += 1
        return word

    def separated(self, one: Callable[[], Tree]) -> list[Tree]:
        found = [one()]
        while self._takes(","):
            found.append(one())
        return found

    def clauses(self) -> list[Tree]:
        actions: list[Tree] = []
        seen: set[str] = set()
        while self._at < len(self._tokens):
            clause = self._peek()[1].upper()
            if clause not in _CLAUSES:
                raise self._unexpected()
            if clause in seen:
                raise self._wrong(
                    f'The "{clause}" section can only be used once in an update expression;'
                )
            self._at += 1
            seen.add(clause)
            actions += self.separated(partial(self._action, clause))
        return actions

    def _action(self, clause: str) -> Tree:
        self._operators += 1
        path = self.path()
        if clause == "REMOVE":
            return (clause, path, None)
        if clause == "SET":
            self._expect("=")
            return (clause, path, self._sum())
        if self._peek()[0] != "value":
            raise self._unexpected()
        return (clause, path, self._operand())

    def _sum(self) -> Tree:
        left = self._term()
        for sign in "+-":
            if self._takes(sign):
                self._operators += 1
                return (sign, left, self._term())
        return left

    def _term(self) -> Tree:
        word = self._peek()[1]
        if word in ("if_not_exists", "list_append") and self._peek(1)[1] == "(":
            self._operators += 1
            self._at += 2
            left = self.path() if word == "if_not_exists" else self._term()
            self._expect(",")
            right = self._term()
            self._expect(")")
            return (word, left, right)
        if word == "size":
            raise self._wrong("The function is not allowed in an update expression; function: size")
        return self._operand()

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("end", "<EOF>")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _takes(self, word: str) -> bool:
        kind, found = self._peek()
        taken = kind in ("word", "mark") and found.upper() == word
        self._at += taken
        return taken

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected()

    def _unexpected(self) -> AwsError:
        return self._wrong(f'Syntax error; token: "{self._peek()[1]}"')

    def _wrong(self, message: str) -> AwsError:
        return invalid(f"Invalid {self._member}: {message}")
