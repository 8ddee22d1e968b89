"""What DynamoDB does with conditions, transactions and indexes."""

from collections.abc import Generator
from typing import Any

from chalicelib.aws.dynamo_calls import ConditionFailedError, DynamoCalls, Question, Write
from chalicelib.aws.dynamo_items import to_item
from smoke.checks import Finding, check, judged
from smoke.trial import Trial

Steps = Generator[None, None, Finding]

_BEHIND = 60.0  # s that the index of statuses may be behind its table


def partition(trial: Trial) -> str:
    """The partition of the jobs' table that probes are written to."""
    return f"#{trial.mark}"


def _write(trial: Trial, name: str, **members: Any) -> Write:
    key = {"run": partition(trial), "jobName": name}
    return Write(table=trial.place.tables.jobs, key=key, **members)


@check("dynamo-shows-what-failed")
def shows_what_failed(trial: Trial) -> Steps:
    yield
    calls = DynamoCalls(trial.clients)
    calls.write(_write(trial, "condition", item={"version": 7}))
    late = _write(trial, "condition", update="SET #version = :new", condition="#version = :old",
                  values={":new": 2, ":old": 1})  # fmt: skip
    try:
        calls.write(late)
    except ConditionFailedError as error:
        return judged(error.items, holds=error.items[0].get("version") == 7)
    return judged("the write went through", holds=False)


@check("dynamo-cancels-with-reasons")
def cancels_with_reasons(trial: Trial) -> Steps:
    yield
    calls = DynamoCalls(trial.clients)
    calls.write(_write(trial, "reason", item={"version": 7}))
    late = _write(trial, "reason", update="SET #version = :new", condition="#version = :old",
                  values={":new": 2, ":old": 1})  # fmt: skip
    try:
        calls.transact([_write(trial, "beside", item={"version": 1}), late])
    except ConditionFailedError as error:
        beside = calls.get(trial.place.tables.jobs, _write(trial, "beside").key)
        holds = list(error.items) == [1] and error.items[1]["version"] == 7 and beside is None
        return judged(error.items, holds=holds)
    return judged("the transaction went through", holds=False)


@check("dynamo-hundred-actions")
def hundred_actions(trial: Trial) -> Steps:
    yield
    calls = DynamoCalls(trial.clients)
    writes = [_write(trial, f"action-{number}", item={"version": 1}) for number in range(99)]
    absent = _write(trial, "absent", condition="attribute_not_exists(#run)")
    calls.transact([absent, *writes])
    keys = [write.key for write in writes]
    found = calls.get_many(trial.place.tables.jobs, keys)
    return judged(f"{len(found)} items and a condition at once", holds=len(found) == 99)


@check("dynamo-knows-a-token")
def knows_a_token(trial: Trial) -> Steps:
    yield
    client, calls = trial.clients["dynamodb"], DynamoCalls(trial.clients)
    calls.write(_write(trial, "token", item={"version": 1}))
    more = _write(trial, "token", update="SET #version = #version + :one", values={":one": 1})
    for _ in range(2):
        client.transact_write_items(TransactItems=[more.action()], ClientRequestToken=trial.mark)
    found = calls.get(trial.place.tables.jobs, more.key) or {}
    return judged(f"sent twice, counted to {found.get('version')}", holds=found["version"] == 2)


@check("dynamo-counts-a-list")
def counts_a_list(trial: Trial) -> Steps:
    yield
    calls = DynamoCalls(trial.clients)
    calls.write(_write(trial, "list", item={"events": ["one"]}))
    grown, values = "SET #events = list_append(#events, :more)", {":more": ["x"], ":many": 2}
    more = _write(trial, "list", update=grown, condition="size(#events) < :many", values=values)
    calls.write(more)
    try:
        calls.write(more)
    except ConditionFailedError as error:
        events = error.items[0].get("events")
        return judged(events, holds=events == ["one", "x"])
    return judged("a full list grew", holds=False)


@check("dynamo-open-index")
def open_index(trial: Trial) -> Steps:
    yield
    calls, seen = DynamoCalls(trial.clients), []
    question = Question(
        table=trial.place.tables.jobs,
        index="open",
        condition="#run = :run",
        values={":run": partition(trial)},
    )
    key = {"run": partition(trial), "jobName": "moves"}
    opened = Write(
        table=trial.place.tables.jobs, key=key, update="SET #open = :at", values={":at": 3}
    )
    closed = Write(table=trial.place.tables.jobs, key=key, update="REMOVE #open")
    for write in (opened, closed) * 5:
        calls.write(write)
        seen.append([item["jobName"] for item in calls.query(question)])
    return judged(f"after each of {len(seen)} writes", holds=seen == [["moves"], []] * 5)


@check("dynamo-status-index")
def status_index(trial: Trial) -> Steps:
    began, schedule_id = trial.seconds(), f"{trial.mark}-index"
    item = {"scheduleId": schedule_id, "startDateTime": "probe", "scheduleStatus": trial.mark}
    trial.schedules.add(schedule_id)
    trial.clients["dynamodb"].put_item(TableName=trial.place.tables.history, Item=to_item(item))
    question = Question(
        table=trial.place.tables.history,
        index="byStatus",
        condition="#scheduleStatus = :status",
        values={":status": trial.mark},
        consistent=False,
    )

    def look() -> float | None:
        found = list(DynamoCalls(trial.clients).query(question))
        return trial.seconds() - began if found else None

    seconds = yield from trial.until("the item in the index of statuses", look)
    return judged(f"within {seconds:.1f} s", holds=seconds <= _BEHIND)


@check("dynamo-sparse-index")
def sparse_index(trial: Trial) -> Steps:
    calls, table = DynamoCalls(trial.clients), trial.place.tables.history
    key = {"scheduleId": f"{trial.mark}-sparse", "startDateTime": "probe"}
    trial.schedules.add(key["scheduleId"])
    question = Question(
        table=table,
        index="unsealed",
        condition="#unsealed = :mark AND #unsealedSince < :before",
        values={":mark": trial.mark, ":before": "2"},
        consistent=False,
    )
    took = []
    for update, wanted in (("SET #unsealed = :mark, #unsealedSince = :at", 1),
                           ("REMOVE #unsealed, #unsealedSince", 0)):  # fmt: skip
        values = {":mark": trial.mark, ":at": "1"} if wanted else {}
        calls.write(Write(table=table, key=key, update=update, values=values))
        began = trial.seconds()

        def look(wanted: int = wanted, began: float = began) -> float | None:
            found = len(list(calls.query(question)))
            return trial.seconds() - began if found == wanted else None

        took.append((yield from trial.until(f"{wanted} items in the sparse index", look)))
    there, gone = took
    said = f"there within {there:.1f} s, gone within {gone:.1f} s"
    return judged(said, holds=max(took) <= _BEHIND)


@check("dynamo-expiry")
def expiry(trial: Trial) -> Steps:
    yield
    seen = {}
    for table in (trial.place.tables.history, trial.place.tables.jobs):
        reply = trial.clients["dynamodb"].describe_time_to_live(TableName=table)
        told = reply["TimeToLiveDescription"]
        seen[table] = f"{told['TimeToLiveStatus']} by {told.get('AttributeName')}"
    jobs_expire = seen[trial.place.tables.jobs] == "ENABLED by expiresAt"
    headers_stay = not seen[trial.place.tables.history].startswith("ENAB")
    return judged(seen, holds=jobs_expire and headers_stay)
