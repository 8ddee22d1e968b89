"""What can be done now with a run or a job: verbs to type, the most likely first."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.core.lifecycle import FINAL, SATISFIED, Act, JobStatus, RunStatus, possible_acts
from chalicelib.core.run import RunHeader
from chalicelib.core.wording import counted

_NO_OPTIONS = "--"  # what stands behind it is no option
# A command within a sentence; the full stop behind it is no part of what is pasted.
_IN_SENTENCE = re.compile(
    r"(batch-scheduler (?:token )?[a-z]+(?: --[a-z]+| [A-Z]+)?)(\.$)?", re.MULTILINE
)
# What a sentence advises at the terminal, and what does the same over HTTP.
_SAME: tuple[tuple[str, str], ...] = (
    ("batch-scheduler list", "GET /schedules"),
    ("batch-scheduler runs", "GET /runs"),
    ("batch-scheduler calendar list", "GET /calendars"),
    ("batch-scheduler token list", "GET /tokens"),
    ("batch-scheduler token revoke ", "DELETE /tokens/"),
    ("batch-scheduler rerun JOB", "POST /runs/{schedule}/{start}/rerun"),
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A command as its words after `batch-scheduler`, and what it would do.

    One about a `job` needs its `run` too, where another could be meant without it. Words that
    begin with a hyphen and are no options stand behind `--`.
    """

    words: tuple[str, ...]
    effect: str
    job: str = ""
    run: str = ""

    @property
    def in_full(self) -> tuple[str, ...]:
        """The words that mean the same whatever other runs there are."""
        if not self.run:
            return self.words
        end = self.words.index(_NO_OPTIONS) if _NO_OPTIONS in self.words else len(self.words)
        return (*self.words[:end], "--run", self.run, *self.words[end:])


_VERBS: tuple[tuple[Act, tuple[str, ...], tuple[str, ...], str], ...] = (
    (Act.RELEASE, ("release",), (), "let it go on"),
    (Act.RERUN, ("rerun",), (), "run it once more"),
    (Act.RERUN, ("rerun", "--downstream"), (), "and everything downstream of it"),
    (Act.PASS, ("pass",), (), "count it as done without running it"),
    (Act.MARK_SUCCEEDED, ("mark",), ("succeeded",), "its work is done, whatever was seen"),
    (Act.MARK_FAILED, ("mark",), ("failed",), "its work is not done, whatever was seen"),
    (Act.HOLD, ("hold",), (), "hold it back until it is released"),
    (Act.TERMINATE, ("terminate",), (), "end it"),
)


def words_about(name: str, before: tuple[str, ...], after: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A command with a job's name in it, which is never taken for an option."""
    named = (_NO_OPTIONS, name) if name.startswith("-") else (name,)
    return (*before, *named, *after)


def command(words: Sequence[str], where: Sequence[str] = ()) -> str:
    """The line to type, every word quoted as it needs to be.

    `where` are the options that say which edition, stage or state directory is meant.
    """
    end = words.index(_NO_OPTIONS) if _NO_OPTIONS in words else len(words)
    return shlex.join(["batch-scheduler", *words[:end], *where, *words[end:]])


def placed(sentence: str, where: Sequence[str]) -> str:
    """The sentence with commands that mean what `where` says, as those of `command` do."""
    options = shlex.join(where)
    if not options or options in sentence:
        return sentence
    return _IN_SENTENCE.sub(lambda found: f"{found[1]} {options}", sentence)


def as_routes(sentence: str) -> str:
    """The sentence as a program needs it that asks over HTTP: with routes for commands."""
    for typed, route in _SAME:
        sentence = sentence.replace(typed, route)
    return sentence


def as_commands(sentence: str) -> str:
    """The sentence as a person at the terminal needs it: what `as_routes` changed, changed back."""
    for typed, route in _SAME:
        sentence = sentence.replace(route, typed)
    return sentence


def advise_run(header: RunHeader) -> list[Advice]:
    """What can be done with a run as a whole."""
    run = header.run_id
    count = sum(header.counts.get(status, 0) for status in FINAL - SATISFIED)
    jobs = counted(count, "job")
    if header.status is RunStatus.SUCCEEDED:
        return [Advice(("history", run), "everything that happened in it")]
    if header.status is not RunStatus.RUNNING:
        return [
            Advice(("restart", run, "--plan"), "what a restart would do"),
            Advice(("restart", run), f"run again what is not done: {jobs}"),
        ]
    advice = [Advice(("watch", run), "follow it to its end")]
    if header.cancelling:
        return advice
    if count:
        advice.append(Advice(("restart", run), f"run again what failed: {jobs}"))
    return [*advice, Advice(("cancel", run), "end it")]


def advise_untold(header: RunHeader, sources: Iterable[str]) -> list[Advice]:
    """What can be done where a job could not run without outputs of these."""
    if header.cancelling and header.status is RunStatus.RUNNING:
        return []
    effect = "so that it tells what is missing, and everything downstream of it"
    return [
        Advice(words_about(name, ("rerun", "--downstream")), effect, name, header.run_id)
        for name in sources
    ]


def advise_job(header: RunHeader, name: str, status: JobStatus) -> list[Advice]:
    """What can be done with a job; nothing while its run is being cancelled."""
    if header.cancelling and header.status is RunStatus.RUNNING:
        return []
    possible = possible_acts(status)
    return [
        Advice(words_about(name, before, after), effect, name, header.run_id)
        for act, before, after, effect in _VERBS
        if act in possible
    ]
