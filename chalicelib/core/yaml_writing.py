"""Writes a document as YAML that people read, and that reads back as the same."""

from collections.abc import Mapping
from typing import Any

import yaml

from chalicelib.core.written import NUMBER

_WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """Quotes what yaml_reading takes for a number and PyYAML, being of YAML 1.1, does not: 1e3."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Several lines as lines, where YAML can have them so."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-0123456789"))


def write_yaml(document: Mapping[str, Any]) -> str:
    """The text, keys in the order of the document."""
    text: str = yaml.dump(
        dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return text
