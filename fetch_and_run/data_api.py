"""Statements of SQL by Redshift's Data API, one after the other, each as work that is followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from fetch_and_run.aws import beginning, client, code_of, console, looking
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.statements import Statement
from fetch_and_run.work import LINK, AgainError, Outcome, Remote
from fetch_and_run.world import World

_KEPT = 600  # seconds that a session waits for its next statement
_MAX_ROWS = 100  # printed of a result
_FULL = frozenset({"ActiveStatementsExceededException", "ActiveSessionsExceededException"})
_OVER = frozenset({"ABORTED", "FAILED", "FINISHED"})

# Members of `remote`: of the statement that it is of, and of all before it.
ID, NUMBER, SESSION, ROWS = "id", "statement", "session", "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """A cluster or a workgroup, its database, and who asks; empty is not told."""

    cluster: str = ""
    workgroup: str = ""
    database: str
    secret: str = ""
    user: str = ""

    def __str__(self) -> str:
        return self.cluster or self.workgroup

    @property
    def request(self) -> Mapping[str, str]:
        """How the Data API is told where and who."""
        told = {
            "ClusterIdentifier": self.cluster,
            "WorkgroupName": self.workgroup,
            "Database": self.database,
            "SecretArn": self.secret,
            "DbUser": self.user,
        }
        return {name: value for name, value in told.items() if value}

    @property
    def page(self) -> str:
        """Of the console, without the region."""
        if self.cluster:
            return f"#cluster-details?cluster={self.cluster}"
        return f"#serverless-workgroup?workgroup={self.workgroup.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Statements with what they are given; in one session where one of them needs it."""

    statements: Sequence[Statement]
    parameters: Mapping[str, str]

    @property
    def is_one_session(self) -> bool:
        """Whether a statement means nothing to the next unless both share a session."""
        return any(each.needs_session for each in self.statements)

    @property
    def digest(self) -> str:
        """What tells it from another script, or from itself with other parameters."""
        parts = [each.text for each in self.statements]
        parts += [f"{name}={value}" for name, value in sorted(self.parameters.items())]
        return sha256("\0".join(parts).encode()).hexdigest()[:16]


class Warehousing:
    """A script on its way through a warehouse: what its statements have in common."""

    def __init__(self, script: Script, warehouse: Warehouse, world: World) -> None:
        self.script = script
        self.warehouse = warehouse
        self.world = world
        self.rows: dict[int, int] = {}  # by statement: affected by all up to it

    @cached_property
    def api(self) -> Any:
        """The client, made when it is needed."""
        return client(self.world, "redshift-data")

    @property
    def link(self) -> str:
        """A page of the console."""
        region = self.api.meta.region_name
        return console(self.api, f"redshiftv2/home?region={region}{self.warehouse.page}")


class StatementRun:
    """One statement. Its client token is in its name as well.

    A client token counts for 8 hours, and statements are listed for 24 (mgmt/data-api).
    """

    settling = 0.0

    def __init__(self, on: Warehousing, statement: Statement, before: Remote) -> None:
        self._on = on
        self._statement = statement
        self._before = before

    @property
    def what(self) -> str:
        return f"statement {self._statement.number} of {len(self._on.script.statements)}"

    def start(self, token: str) -> Remote:
        rows = self._rows_before()
        request = self._request(self._session())
        with beginning("the Data API"):
            try:
                begun = self._on.api.execute_statement(
                    **request, ClientToken=token, StatementName=self._name(token)
                )
            except ClientError as error:
                if code_of(error) in _FULL:
                    raise AgainError(str(error)) from error
                raise
        return self._remote(begun, rows)

    def find(self, token: str) -> Remote | None:
        rows = self._rows_before()
        asked = {"StatementName": self._name(token), "Status": "ALL"}
        with looking("the Data API"):
            found = self._on.api.list_statements(**asked)["Statements"]
        return self._remote(found[0], rows) if found else None

    def look(self, remote: Remote) -> Outcome | None:
        with looking("the Data API"):
            told = self._on.api.describe_statement(Id=remote[ID])
        if told["Status"] not in _OVER:
            return None
        if told["Status"] != "FINISHED":
            return self._failed(told)
        rows = int(remote[ROWS]) + _affected(told)
        self._on.rows[self._statement.number] = rows
        if told.get("HasResultSet"):
            self._print_result(told)
        counted = f"has finished ({_counted(told)})"
        return Outcome(succeeded=True, reason=counted, outputs={ROWS: str(rows)})

    def cancel(self, remote: Remote) -> None:
        with looking("the Data API"):
            try:
                self._on.api.cancel_statement(Id=remote[ID])
            except ClientError as error:
                if code_of(error) != "ValidationException":
                    raise
                # It has ended, or does not run yet: then it can't be cancelled yet.
                if self._on.api.describe_statement(Id=remote[ID])["Status"] not in _OVER:
                    raise AgainError(str(error)) from error

    def describe(self) -> Mapping[str, object]:
        is_later = self._on.script.is_one_session and self._statement.number > 1
        request = self._request("<session>" if is_later else "")
        told = {**request, "ClientToken": "<token>", "StatementName": self._name("<token>")}
        return {"service": "redshift-data", "operation": "ExecuteStatement", "parameters": told}

    def _name(self, token: str) -> str:
        """What it is found by. That the script is in it keeps another from being gone on with."""
        return f"batch-job-{self._on.script.digest}-{token}"

    def _request(self, session: str) -> Mapping[str, object]:
        """What is asked, but for the token. A session has its warehouse and its user already."""
        request: dict[str, object] = {"Sql": self._statement.text}
        if session:
            request["SessionId"] = session
        else:
            request |= self._on.warehouse.request
            if self._on.script.is_one_session:
                request["SessionKeepAliveSeconds"] = _KEPT
        # The Data API refuses parameters that a statement does not name.
        given = sorted(self._statement.parameters & self._on.script.parameters.keys())
        if given:
            values = self._on.script.parameters
            request["Parameters"] = [{"name": name, "value": values[name]} for name in given]
        return request

    def _session(self) -> str:
        """The session of the statements before this one; empty where there is none."""
        if not self._on.script.is_one_session or self._statement.number == 1:
            return ""
        if SESSION in self._before:
            return self._before[SESSION]
        session = self._told_before().get("SessionId", "")
        if not session:
            reason = (
                f"{self.what} is not run: the Data API does not tell the session of those before"
            )
            raise JobError(Exit.NOT_STARTED, reason)
        return str(session)

    def _remote(self, told: Mapping[str, Any], rows: int) -> Remote:
        remote = {
            NUMBER: str(self._statement.number),
            ID: told["Id"],
            ROWS: str(rows),
            LINK: self._on.link,
        }
        return {**remote, SESSION: told["SessionId"]} if told.get("SessionId") else remote

    def _rows_before(self) -> int:
        """The rows affected by the statements before this one."""
        last = self._statement.number - 1
        if last and last not in self._on.rows:  # another process has seen the end of that one
            self._on.rows[last] = int(self._before[ROWS]) + _affected(self._told_before())
        return self._on.rows.get(last, 0)

    def _told_before(self) -> Mapping[str, Any]:
        """The statement before this one, as the Data API describes it."""
        with looking("the Data API"):
            told: Mapping[str, Any] = self._on.api.describe_statement(Id=self._before[ID])
        return told

    def _failed(self, told: Mapping[str, Any]) -> Outcome:
        error = " ".join(told.get("Error", "").split()) or "the Data API does not say why"
        how = "was aborted" if told["Status"] == "ABORTED" else "has failed"
        where = f"line {self._statement.line}: {self._statement.start}"
        return Outcome(succeeded=False, reason=f"{how}: {error} ({where})")

    def _print_result(self, told: Mapping[str, Any]) -> None:
        """The statement has finished, whether its result can be had or not."""
        out = self._on.world.out
        try:
            with looking("the Data API"):
                result = self._on.api.get_statement_result(Id=told["Id"])
        except (AgainError, JobError) as error:
            print(f"(its result can't be had: {error})", file=out, flush=True)
            return
        rows = result["Records"][:_MAX_ROWS]
        print("\t".join(each["name"] for each in result["ColumnMetadata"]), file=out)
        for row in rows:
            print("\t".join(map(_text, row)), file=out)
        more = told.get("ResultRows", 0) - len(rows)
        if more > 0:
            print(f"({more} more rows)", file=out, flush=True)


def _affected(told: Mapping[str, Any]) -> int:
    """Rows that were changed: those of a result were not, and -1 stands for none."""
    return 0 if told.get("HasResultSet") else max(0, told.get("ResultRows", 0))


def _counted(told: Mapping[str, Any]) -> str:
    rows = max(0, told.get("ResultRows", 0))
    return f"{rows} row{'' if rows == 1 else 's'}{' returned' if told.get('HasResultSet') else ''}"


def _text(field: Mapping[str, Any]) -> str:
    if field.get("isNull"):
        return ""
    (value,) = field.values()
    return str(value)
