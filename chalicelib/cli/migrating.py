"""The verb that takes over what the first version kept."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli.exits import Exit
from chalicelib.cli.session import Session

if TYPE_CHECKING:
    from chalicelib.services.migrating import Judged

FromFiles = Annotated[
    Path | None,
    typer.Option(
        "--from-files",
        metavar="DIR",
        help="Its .json files hold the old items: documents, lists, or answers of `aws dynamodb"
        " scan` [on AWS, the old tables themselves].",
    ),
]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without this only say what would be.")]
IncludeRunning = Annotated[
    bool,
    typer.Option(
        "--include-running",
        help="Take over runs too that the records call RUNNING. Stop the old state machine first:"
        " while it still drives such a run, every job left would be submitted twice.",
    ),
]


SchedulesTable = Annotated[
    str, typer.Option("--schedules-table", metavar="NAME", help="The old table of schedules.")
]
HistoryTable = Annotated[
    str, typer.Option("--history-table", metavar="NAME", help="The old table of runs.")
]


def migrate(
    session: Session,
    from_files: FromFiles = None,
    schedules_table: SchedulesTable = "BatchSchedules",
    history_table: HistoryTable = "BatchScheduleHistory",
    include_running: IncludeRunning = False,
    apply: Apply = False,
) -> Exit:
    """Take over the schedules and runs of the first version; what is there is never changed."""
    from chalicelib.local.old_files import read_old_files
    from chalicelib.services.migrating import Fate, Migration
    from chalicelib.services.migrating import migrate as migrate_items

    if from_files is None:
        items = session.stored_edition.old_items(schedules_table, history_table)
    else:
        items = iter(read_old_files(from_files))
    migration = Migration(
        actor=session.stored_edition.actor, apply=apply, include_running=include_running
    )
    judged = list(migrate_items(session.stored_edition.ports, items, migration))
    session.answer(_shape(judged, apply=apply), lambda: _print(session, judged, apply=apply))
    blocked = any(each.fate in (Fate.REFUSED, Fate.DIFFERENT) for each in judged)
    return Exit.REFUSED if blocked else Exit.DONE


def _print(session: Session, judged: "Sequence[Judged]", *, apply: bool) -> None:
    from chalicelib.cli.tables import one_line
    from chalicelib.services.migrating import Fate, Kind

    for each in judged:
        named = f" {each.id}" if each.id else ""
        session.say(one_line(f"{each.fate}: {each.kind}{named} ({each.place})"))
        for reason in each.reasons:
            session.say(f"    {one_line(reason)}")
    counts = Counter((each.fate, each.kind) for each in judged)
    session.say("")
    for fate in Fate:
        schedules, runs = (counts[fate, kind] for kind in Kind)
        if schedules or runs:
            words = "taken over" if apply and fate is Fate.TAKE else fate.value
            session.say(f"{words}: schedules {schedules}, runs {runs}")
    if not apply:
        session.say("Nothing was written. To do it: the same with --apply.")
    if any(each.fate is Fate.RUNNING for each in judged):
        session.say("Running runs were left out: let them end, or see --include-running.")


def _shape(judged: "Sequence[Judged]", *, apply: bool) -> dict[str, Any]:
    return {
        "applied": apply,
        "items": [
            {
                "kind": each.kind.value,
                "id": each.id or None,
                "place": each.place,
                "fate": each.fate.value,
                "reasons": list(each.reasons),
            }
            for each in judged
        ],
    }
