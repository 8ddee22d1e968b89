"""A trigger as a row of a store keeps it: JSON in, JSON out, with the words of documents.

Reading forgives: unknown members are left alone, missing ones have their default, so that versions
of the program can follow each other over the same rows.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, assert_never

from chalicelib.core.timing.trigger import (
    At,
    CatchUp,
    Cron,
    DayRule,
    Http,
    Kind,
    OnFile,
    OnRun,
    Overlap,
    Rate,
    Roll,
    RunResult,
    Trigger,
    Window,
)
from chalicelib.core.timing.wall_time import Dst

Row = dict[str, Any]


def to_json(trigger: Trigger) -> Row:
    """Every member, but for what there is none of."""
    row = {
        "name": trigger.name,
        **_of_kind(trigger.kind),
        "timezone": trigger.timezone,
        "dst": trigger.dst.value,
        "calendar": _of_days(trigger.days),
        "startBetween": _of_window(trigger.window),
        "jitter": trigger.jitter,
        "catchUp": trigger.catch_up.value,
        "overlap": trigger.overlap.value,
        "deadline": trigger.deadline,
        "parameters": dict(trigger.parameters),
        "enabled": trigger.enabled,
    }
    return {key: value for key, value in row.items() if value is not None}


def of_json(row: Mapping[str, Any]) -> Trigger:
    """The trigger of a row. Raises ValueError or KeyError for what was never one."""
    return Trigger(
        name=row["name"],
        kind=_kind(row),
        timezone=row.get("timezone", "UTC"),
        dst=Dst(row.get("dst", Dst.NEXT)),
        days=_days(row.get("calendar")),
        window=_window(row.get("startBetween")),
        jitter=int(row.get("jitter", 0)),
        catch_up=CatchUp(row.get("catchUp", CatchUp.LATEST)),
        overlap=Overlap(row.get("overlap", Overlap.SKIP)),
        deadline=_whole(row.get("deadline")),
        parameters=dict(row.get("parameters", {})),
        enabled=bool(row.get("enabled", True)),
    )


def _of_kind(kind: Kind) -> Row:
    match kind:
        case Cron(text):
            return {"cron": text}
        case Rate(seconds):
            return {"rateSeconds": seconds}
        case At(local):
            return {"at": local.isoformat()}
        case OnRun(schedule, status):
            return {"onRun": {"schedule": schedule, "status": status.value}}
        case OnFile(bucket, prefix, suffix, path):
            file = {"bucket": bucket, "prefix": prefix, "suffix": suffix, "path": path}
            return {"onFile": {key: value for key, value in file.items() if value}}
        case Http():
            return {"http": {}}
        case _:
            assert_never(kind)


def _kind(row: Mapping[str, Any]) -> Kind:
    match row:
        case {"cron": text}:
            return Cron(text)
        case {"rateSeconds": seconds}:
            return Rate(int(seconds))
        case {"at": text}:
            return At(datetime.fromisoformat(text))
        case {"onRun": run}:
            return OnRun(run["schedule"], RunResult(run.get("status", RunResult.SUCCEEDED)))
        case {"onFile": file}:
            given = (file.get(part, "") for part in ("bucket", "prefix", "suffix", "path"))
            return OnFile(*given)
        case {"http": _}:
            return Http()
        case _:
            raise ValueError(f"a trigger of no kind: {sorted(row)}")


def _of_days(days: DayRule | None) -> Row | None:
    if days is None:
        return None
    row = {"name": days.calendar, "ordinal": days.ordinal, "roll": days.roll.value}
    return {key: value for key, value in row.items() if value is not None}


def _days(row: Mapping[str, Any] | None) -> DayRule | None:
    if row is None:
        return None
    return DayRule(row["name"], _whole(row.get("ordinal")), Roll(row.get("roll", Roll.SKIP)))


def _of_window(window: Window | None) -> list[str] | None:
    return [f"{window.begin:%H:%M}", f"{window.end:%H:%M}"] if window else None


def _window(row: list[str] | None) -> Window | None:
    return Window(*map(time.fromisoformat, row)) if row else None


def _whole(number: Any) -> int | None:
    # DynamoDB's numbers come as Decimal.
    return None if number is None else int(number)
