"""What is to be known of all lines alike, and is said once."""

from collections.abc import Iterator, Sequence

from chalicelib.core.crontab.environment import PATH
from chalicelib.core.crontab.report import Origin
from chalicelib.core.crontab.schedules import Draft


def notes_of(drafts: Sequence[Draft], changing: Sequence[int], origin: Origin) -> Iterator[str]:
    """Sentences; `changing` are the numbers of the lines that go by other rules of clocks."""
    if not drafts:
        return
    if any(draft.environment.timezone == origin.timezone for draft in drafts):
        if origin.is_zone_told:
            yield f"Times are those of {origin.timezone}."
        else:
            yield f"Times are those of {origin.timezone}, as on this machine; else say --timezone."
    yield (
        "As in cron, a run starts while the one before it goes on (overlap: allow), and what is"
        " missed while no server runs is not made up for (catchUp: none)."
    )
    yield f"Jobs run in HOME, with PATH={PATH} as in cron; a line may have set others."
    if not all(draft.environment.home for draft in drafts):
        yield "Whose HOME that is, this machine does not know: name a workingDirectory."
    yield (
        "cron mails what a command prints. Here `logs` shows it, an exit code other than 0 is a"
        " failure, and `notify` tells people."
    )
    if changing:
        yield (
            f"Where clocks are changed, not as in cron: {_lines(changing)}."
            " See docs/how-to/start-on-time.md."
        )


def _lines(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"line {listed}" if len(numbers) == 1 else f"lines {listed}"
