"""Looking at what the host has on record, without starting one."""

import json
import socket
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from chalicelib.core.batch import JobDetail
from chalicelib.errors import BackendError
from chalicelib.local.batch_records import detail_of
from chalicelib.local.host_client import HostClient
from chalicelib.local.host_protocol import HostSettings, address, encode
from chalicelib.local.host_store import DETAILS

_DATABASE = "host.db"


def peek(state_dir: Path, settings: HostSettings, job_ids: Sequence[str]) -> list[JobDetail]:
    """The details of those jobs that a running host knows, or that ended under an earlier one.

    Empty when nothing can be seen: a look never fails.
    """
    try:
        if _listens(state_dir):
            with closing(HostClient(state_dir, settings=settings, fence=None)) as client:
                return client.describe(job_ids)
        if not (state_dir / _DATABASE).exists():
            return []
        uri = f"{(state_dir / _DATABASE).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            found = database.execute(DETAILS, (encode(job_ids),)).fetchall()
        return [detail_of(json.loads(text)) for _, text in found]
    except (BackendError, sqlite3.Error):
        return []


def _listens(state_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            channel.connect(address(state_dir))
        except OSError:
            return False
        return True
