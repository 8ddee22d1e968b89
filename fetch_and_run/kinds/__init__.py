"""Kinds of work that batch-job drives elsewhere, as if it were the job itself.

A module of this package is imported only when its kind is asked for: `batch-job progress` has no
use for boto3. It has what `Kind` says.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from fetch_and_run.world import World


class Kind(Protocol):
    """What a module of a kind offers."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare its options on a parser of its own, or sub-parsers for its actions."""

    def begin(self, arguments: Namespace, world: World) -> int:
        """Do the work to its end and return the exit code; or raise JobError."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a kind is, and its line in `batch-job --help`."""

    module: str
    summary: str


KINDS: Mapping[str, Registered] = {
    "glue": Registered("glue", "run a Glue job or a crawler"),
    "lambda": Registered("lambda_function", "invoke a Lambda function"),
    "ec2": Registered("ec2", "run a command on instances by SSM; start and stop instances"),
    "stepfunctions": Registered("stepfunctions", "run a state machine"),
    "redshift": Registered("redshift", "run the statements of a file by the Data API"),
    "sftp": Registered("sftp", "get, put or wait for files of an SFTP server"),
    "ftp": Registered("ftp", "get, put or wait for files of an FTP server"),
    "http": Registered("http", "make a request, and follow what it began"),
}


def kind_of(name: str) -> Kind:
    """The module of a kind."""
    return cast("Kind", import_module(f"fetch_and_run.kinds.{KINDS[name].module}"))
