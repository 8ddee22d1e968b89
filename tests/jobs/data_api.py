"""Redshift's Data API, strict in what `batch-job redshift` asks of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service

_TOKEN_LIFE = timedelta(hours=8)  # of a client token (mgmt/data-api, considerations)
_SUBMITTED = timedelta(seconds=1)  # before a statement runs; then alone it can be cancelled
_STATEMENT_LIFE = timedelta(hours=24)
_MAX_SQL = 100_000  # bytes (mgmt/data-api)
_PARAMETER = re.compile(r"'[^']*'|::|:([A-Za-z_]\w*)")

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Does:
    """What becomes of a statement; it is told by how its text begins."""

    after: float = 5.0  # seconds
    rows: int = -1  # returned or affected
    error: str = ""
    result: tuple[tuple[object, ...], ...] | None = None
    columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Run:
    """A statement that runs, or ran."""

    id: str
    request: Params
    at: datetime
    does: Does
    session: str = ""
    aborted: datetime | None = None


@dataclass(slots=True)
class DataApi:
    """One Region's, with one cluster and one workgroup.

    `late` is how many seconds a statement stays unseen by whoever lists.
    """

    clock: Callable[[], datetime]
    does: dict[str, Does] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    warehouses: frozenset[str] = frozenset({"cluster", "workgroup"})
    late: float = 0.0
    sessions: dict[str, float] = field(default_factory=dict)  # seconds that each is kept

    def service(self) -> Service:
        return Service(
            operations={
                "ExecuteStatement": self.execute_statement,
                "DescribeStatement": self.describe_statement,
                "CancelStatement": self.cancel_statement,
                "ListStatements": self.list_statements,
                "GetStatementResult": self.get_statement_result,
            },
            permissions=_permissions,
            broken="InternalServerException",
        )

    @property
    def ran(self) -> list[str]:
        """The texts of all statements that were begun, in order."""
        return [run.request["Sql"] for run in self.runs]

    @property
    def ended(self) -> list[str]:
        """The texts of statements that have finished well."""
        return [run.request["Sql"] for run in self.runs if self._status(run) == "FINISHED"]

    @property
    def unended(self) -> list[str]:
        """The texts of statements that go on."""
        ongoing = [run for run in self.runs if self._status(run) in ("SUBMITTED", "STARTED")]
        return [run.request["Sql"] for run in ongoing]

    def execute_statement(self, params: Params) -> Fields:
        known = self._known_by_token(params)
        if known is not None:
            return self._begun(known)
        self._check(params)
        session = self._session(params)
        text = params["Sql"]
        found = [does for start, does in self.does.items() if text.startswith(start)]
        run = Run(
            id=f"d9b6c0c9-0747-4bf4-b142-{len(self.runs):012x}",
            request=dict(params),
            at=self.clock(),
            does=found[0] if found else Does(),
            session=session,
        )
        self.runs.append(run)
        return self._begun(run)

    def describe_statement(self, params: Params) -> Fields:
        run = self._run(params)
        status = self._status(run)
        told: Fields = {"Id": run.id, "Status": status, "QueryString": run.request["Sql"]}
        if run.session:
            told["SessionId"] = run.session
        if status == "FAILED":
            told["Error"] = f"ERROR: {run.does.error}"
        if status == "FINISHED":
            result = run.does.result
            told["HasResultSet"] = result is not None
            told["ResultRows"] = run.does.rows if result is None else len(result)
            told["ResultSize"] = -1 if result is None else 100
        return told

    def cancel_statement(self, params: Params) -> Fields:
        run = self._run(params)
        status = self._status(run)
        if status != "STARTED":
            raise AwsError("ValidationException", f"Could not cancel a query in status {status}")
        run.aborted = self.clock()
        return {"Status": True}

    def list_statements(self, params: Params) -> Fields:
        """Finished ones alone unless all are asked for; newest first."""
        prefix, wanted = params.get("StatementName", ""), params.get("Status", "FINISHED")
        told = [
            {
                "Id": run.id,
                "StatementName": run.request.get("StatementName", ""),
                "Status": self._status(run),
                "CreatedAt": run.at,
                **({"SessionId": run.session} if run.session else {}),
            }
            for run in reversed(self.runs)
            if run.request.get("StatementName", "").startswith(prefix)
            and wanted in ("ALL", self._status(run))
            and run.at + timedelta(seconds=self.late) <= self.clock() < run.at + _STATEMENT_LIFE
        ]
        first = int(params.get("NextToken", "0"))
        last = first + (params.get("MaxResults") or 100)
        token = {"NextToken": str(last)} if last < len(told) else {}
        return {"Statements": told[first:last], **token}

    def get_statement_result(self, params: Params) -> Fields:
        run = self._run(params)
        if self._status(run) != "FINISHED" or run.does.result is None:
            raise AwsError("ResourceNotFoundException", "Query does not have result.", 400)
        return {
            "Records": [[_field(value) for value in row] for row in run.does.result],
            "ColumnMetadata": [{"name": name, "label": name} for name in run.does.columns],
            "TotalNumRows": len(run.does.result),
        }

    def _known_by_token(self, params: Params) -> Run | None:
        for run in reversed(self.runs):
            same = run.request["ClientToken"] == params["ClientToken"]
            if same and self.clock() < run.at + _TOKEN_LIFE:
                if run.request != dict(params):
                    raise AwsError(
                        "ValidationException", "ClientToken was used with other parameters"
                    )
                return run
        return None

    def _check(self, params: Params) -> None:
        where = {params.get("ClusterIdentifier"), params.get("WorkgroupName")} - {None}
        if "SessionId" in params:
            if where or params.keys() & {"Database", "DbUser", "SecretArn"}:
                raise AwsError("ValidationException", "A session has its connection already")
        elif len(where) != 1 or "Database" not in params:
            raise AwsError("ValidationException", "A cluster or a workgroup, and a database")
        if not where <= self.warehouses:
            raise AwsError("ValidationException", "Redshift endpoint doesn't exist in this region.")
        if len(params["Sql"].encode()) > _MAX_SQL:
            raise AwsError("ValidationException", "Cannot process query string larger than 100kB")
        named = {name for name in _PARAMETER.findall(params["Sql"]) if name}
        given = [each["name"] for each in params.get("Parameters", ())]
        if set(given) - named:
            unused = ", ".join(sorted(set(given) - named))
            raise AwsError(
                "ValidationException",
                f"Parameters list contains unused parameters. Unused parameters: [{unused}]",
            )
        if named - set(given):
            raise AwsError("ValidationException", f"Parameters not found: {sorted(named)}")

    def _session(self, params: Params) -> str:
        if "SessionId" in params:
            last = [run for run in self.runs if run.session == params["SessionId"]]
            if not last:
                raise AwsError("ValidationException", "Session not found")
            end = self._ended_at(last[-1])
            if end is None:
                raise AwsError("ValidationException", "The session is busy with another query")
            if self.clock() > end + timedelta(seconds=self.sessions[params["SessionId"]]):
                raise AwsError("ValidationException", "Session is not available")
            return str(params["SessionId"])
        if "SessionKeepAliveSeconds" in params:
            session = f"5a254dc6-4fc2-4203-87a8-{len(self.sessions):012x}"
            self.sessions[session] = params["SessionKeepAliveSeconds"]
            return session
        return ""

    def _run(self, params: Params) -> Run:
        for run in self.runs:
            if run.id == params["Id"] and self.clock() < run.at + _STATEMENT_LIFE:
                return run
        raise AwsError("ResourceNotFoundException", "Query does not exist.")

    def _ended_at(self, run: Run) -> datetime | None:
        end = run.at + timedelta(seconds=run.does.after)
        if run.aborted is not None:
            end = min(end, run.aborted)
        return end if self.clock() >= end else None

    def _status(self, run: Run) -> str:
        if run.aborted is not None:
            return "ABORTED"
        if self._ended_at(run) is None:
            return "SUBMITTED" if self.clock() < run.at + _SUBMITTED else "STARTED"
        return "FAILED" if run.does.error else "FINISHED"

    def _begun(self, run: Run) -> Fields:
        session = {"SessionId": run.session} if run.session else {}
        return {"Id": run.id, "CreatedAt": run.at, **session}


def _field(value: object) -> Fields:
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
    return {"stringValue": str(value)}


def _permissions(operation: str, params: Params) -> tuple[Permission, ...]:
    if operation != "ExecuteStatement":
        return ((f"redshift-data:{operation}", "*"),)
    if "ClusterIdentifier" in params:
        place = f"arn:aws:redshift:{REGION}:{ACCOUNT}:cluster:{params['ClusterIdentifier']}"
    else:
        place = f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/*"
    return (("redshift-data:ExecuteStatement", place),)
