"""An account on moto, in a process of its own, for programs that talk to AWS by themselves."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import boto3  # noqa: TID251 - a person's own look at the account

from cloudformation.rendering import PROJECT

REGION = "eu-central-1"
_SWITCHES = {"lambda": {"use_docker": False}, "batch": {"use_docker": False}}


@dataclass(frozen=True)
class Account:
    """Where the account answers."""

    url: str

    def environment(self) -> dict[str, str]:
        """What makes a program of the AWS edition use this account."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}  # noqa: TID251 - a child's
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        session = boto3.session.Session("testing", "testing", region_name=REGION)
        return session.client(service, endpoint_url=self.url)


@contextmanager
def account() -> Iterator[Account]:
    """A new and empty account, which ends with the block."""
    module = "tests.acceptance.taught_moto"
    command = [sys.executable, "-m", module, "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=PROJECT)
    try:
        url = _address(server)
        _switch(url)
        yield Account(url)
    finally:
        server.terminate()
        server.communicate()


def _switch(url: str) -> None:
    """Tell moto to do without docker."""
    connection = HTTPConnection(url.removeprefix("http://"))
    connection.request("POST", "/moto-api/config", json.dumps(_SWITCHES))
    assert connection.getresponse().status == 201
    connection.close()


def _address(server: subprocess.Popen[str]) -> str:
    """The address that the server says it listens on; it writes much more to the same pipe."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"Running on (http://[\d.]+:\d+)", line):
            return found[1]
    raise AssertionError("moto's server ended before it listened")
