"""How a graph can be written."""

from enum import StrEnum


class Format(StrEnum):
    """The ways to write a graph."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
