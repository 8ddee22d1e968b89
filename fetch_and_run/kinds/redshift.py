"""`batch-job redshift`: the statements of a file, one by one, by the Data API."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from fetch_and_run import following
from fetch_and_run.data_api import Script, StatementRun, Warehouse, Warehousing
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.places import check_allowed, read_url
from fetch_and_run.statements import Statement, UnfinishedError, split
from fetch_and_run.texts import is_remote, read_text
from fetch_and_run.work import Step
from fetch_and_run.world import World

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_STATEMENT = 100_000  # bytes (mgmt/data-api, considerations)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--cluster", default="", metavar="NAME", help="a provisioned cluster")
    where.add_argument("--workgroup", default="", metavar="NAME", help="a workgroup of Serverless")
    parser.add_argument("--database", required=True, metavar="NAME", help="the database")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--secret", default="", metavar="ARN", help="the secret of a database user")
    who.add_argument(
        "--user",
        default="",
        metavar="NAME",
        help="a database user of the cluster; without it and a secret, the one of the job's role",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--file", metavar="FILE", help="a file, or s3:// URL, of statements")
    what.add_argument("--sql", metavar="TEXT", help="the statements themselves")
    parser.add_argument(
        "--parameter",
        dest="parameters",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what stands for :NAME in the statements, as a value; may be given several times",
    )
    following.add_arguments(parser)


def begin(arguments: Namespace, world: World) -> int:
    """Run the statements; the exit code."""
    if arguments.user and arguments.workgroup:
        reason = "--user is for a --cluster: a workgroup takes a --secret, or the job's role"
        raise JobError(Exit.USAGE, f"redshift: {reason}")
    script = _script(arguments, world)
    warehouse = Warehouse(
        cluster=arguments.cluster,
        workgroup=arguments.workgroup,
        database=arguments.database,
        secret=arguments.secret,
        user=arguments.user,
    )
    on = Warehousing(script, warehouse, world)
    return following.begin_steps(_steps(on), arguments, world)


def _steps(on: Warehousing) -> Sequence[Step]:
    def step_of(statement: Statement) -> Step:
        return lambda before: StatementRun(on, statement, before)

    return [step_of(each) for each in on.script.statements]


def _script(arguments: Namespace, world: World) -> Script:
    where = "--sql" if arguments.file is None else arguments.file
    parameters = dict(arguments.parameters)
    if len(parameters) < len(arguments.parameters):
        raise JobError(Exit.USAGE, "redshift: a --parameter is given twice")
    if arguments.dry_run and is_remote(where):
        check_allowed(read_url(where), world.environment)
        unread = Statement(
            number=1,
            line=1,
            text=f"(the statements of {where})",
            parameters=frozenset(parameters),
            needs_session=False,
        )
        return Script(statements=[unread], parameters=parameters)
    text = arguments.sql if arguments.file is None else read_text(where, world)
    script = Script(statements=_split(text, where), parameters=parameters)
    _check(script, where)
    return script


def _split(text: str, where: str) -> Sequence[Statement]:
    try:
        return split(text)
    except UnfinishedError as error:
        raise JobError(Exit.REFUSED, f"{where}: {error}; nothing was run") from error


def _check(script: Script, where: str) -> None:
    """Raises JobError for what the Data API would refuse when half of the script is done."""
    if not script.statements:
        raise JobError(Exit.REFUSED, f"{where} has no statement; nothing was run")
    for each in script.statements:
        if len(each.text.encode()) > _MAX_STATEMENT:
            reason = f"statement {each.number}, on line {each.line}, is longer than the Data API's"
            raise JobError(
                Exit.REFUSED, f"{where}: {reason} {_MAX_STATEMENT} bytes; nothing was run"
            )
    named = frozenset[str]().union(*(each.parameters for each in script.statements))
    unused = sorted(script.parameters.keys() - named)
    if unused:
        reason = f"no statement has :{', :'.join(unused)} outside of quotes"
        raise JobError(Exit.REFUSED, f"{where}: {reason}; nothing was run")


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not _NAME.fullmatch(name) or not equals or not value:
        raise ArgumentTypeError(
            f"{text!r} is no parameter: name=value, where a value is not empty (the Data API has "
            "no empty one, and none for NULL)"
        )
    return name, value
