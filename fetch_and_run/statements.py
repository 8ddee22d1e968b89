"""Statements of SQL, one by one, out of a text as a file of Redshift has it.

Only what decides where a statement ends is read: quotes, dollar quotes, comments and semicolons.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A backslash escapes in Redshift's literals (r_patternmatching_condition_like: '\\_' is one sign).
_TOKEN = re.compile(
    r"""
      (?P<space>   \s++ | --[^\n]*+ )
    | (?P<comment> /\* )
    | (?P<quoted>  '(?: [^'\\] | \\. | '' )*+' | "(?: [^"] | "" )*+" )
    | (?P<dollar>  \$ (?:[^\W\d]\w*+)? \$ )
    | (?P<word>    [^\W\d] [\w$]*+ )
    | (?P<cast>    :: )
    | (?P<parameter> : [^\W\d] \w*+ )
    | (?P<end>     ; )
    | (?P<open>    ['"] )
    | (?P<other>   [\d.]++ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")

# How a statement begins that means nothing to the next one unless both share a session.
_OF_A_SESSION = re.compile(
    r"(ABORT|BEGIN|CLOSE|COMMIT|DEALLOCATE|DECLARE|END|EXECUTE|FETCH|LOCK|PREPARE|RESET|ROLLBACK"
    r"|SET|START|USE|CREATE (LOCAL )?TEMP(ORARY)?) "
)


class UnfinishedError(ValueError):
    """A quote or a comment that nothing ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, without its semicolon; numbers and lines count from 1.

    `parameters` are the names that it has as `:name` outside of quotes and comments.
    """

    number: int
    line: int
    text: str
    parameters: frozenset[str]
    needs_session: bool

    @property
    def start(self) -> str:
        """Its first words, on one line."""
        words = " ".join(self.text.split())
        return words if len(words) <= 60 else f"{words[:59]}…"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def split(text: str) -> list[Statement]:
    """The statements of a text, in order; those of nothing but comments are left out.

    Raises UnfinishedError.
    """
    statements: list[Statement] = []
    tokens: list[_Token] = []
    for token in (*_tokens(text), _Token("end", "", len(text))):
        if token.kind != "end":
            tokens.append(token)
        elif any(each.kind != "space" for each in tokens):
            statements.append(_statement(len(statements) + 1, text, tokens))
            tokens = []
        else:
            tokens = []
    return statements


def _statement(number: int, text: str, tokens: list[_Token]) -> Statement:
    told = [token for token in tokens if token.kind != "space"]
    last = told[-1]
    first = " ".join(token.text.upper() for token in told[:3])
    return Statement(
        number=number,
        line=text.count("\n", 0, told[0].at) + 1,
        text=text[told[0].at : last.at + len(last.text)],
        parameters=frozenset(token.text[1:] for token in told if token.kind == "parameter"),
        needs_session=_OF_A_SESSION.match(f"{first} ") is not None,
    )


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise AssertionError("every sign is a token")
        kind, end = found.lastgroup, found.end()
        match kind:
            case "open":
                raise _unfinished("quote", text, at)
            case "comment":
                kind, end = "space", _end_of_comment(text, at)
            case "dollar":
                kind, end = "quoted", _end_of_dollars(text, found)
        yield _Token(kind, text[at:end], at)
        at = end


def _end_of_comment(text: str, at: int) -> int:
    """Where a comment ends that may hold others."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise _unfinished("comment", text, at)


def _end_of_dollars(text: str, opening: re.Match[str]) -> int:
    closing = text.find(opening.group(), opening.end())
    if closing < 0:
        raise _unfinished(f"quote {opening.group()}", text, opening.start())
    return closing + len(opening.group())


def _unfinished(what: str, text: str, at: int) -> UnfinishedError:
    line = text.count("\n", 0, at) + 1
    return UnfinishedError(f"the {what} that begins on line {line} has no end")
