"""Takes over crontabs for tests: only what a test speaks of has to be given."""

from typing import Any

from chalicelib.core.crontab.importing import import_crontab
from chalicelib.core.crontab.report import Imported, Origin
from tests.fire_oracle import utc

ANN = {"user": "ann", "home": "/home/ann", "timezone": "Europe/Berlin", "now": utc(2026, 11, 30)}


def imported(text: str | bytes, **members: Any) -> Imported:
    content = text.encode() if isinstance(text, str) else text
    return import_crontab(content, Origin(**{**ANN, **members}))
