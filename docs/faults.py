"""What may go wrong with runs, by number, and the tests that make it happen: a part of proofs.md.

A test says by its name which fault it makes: `test_f18_…` makes F18.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
_TEST = re.compile(r"^def (test_f(\d+)_\w+)\(", re.MULTILINE)

FAULTS: Mapping[int, str] = {
    1: "a driver dies between reserving a job and submitting it",
    2: "a driver dies between submitting a job and noting its id",
    3: "the reply to a submission is lost, or the SDK sends it again by itself",
    4: "a driver that was taken for dead goes on beside the next",
    5: "the queue can't list or describe a new job yet",
    6: "the queue has forgotten a job",
    7: "more jobs are to be described than one request may name",
    8: "the queue throttles, or fails for a while",
    9: "a submission will never be taken",
    10: "a job finds no place to run",
    11: "a job is ended while it ends by itself",
    12: "the queue makes a second attempt of its own",
    13: "a trigger fires twice for the same time",
    14: "a tick is late, or misses its time",
    15: "a run is due while the one before it goes on",
    16: "two people start at once, or one request comes twice",
    17: "an API's answer comes too late, though it was done",
    18: "a start or a hand-over is cut off between what is stored and its execution",
    19: "the name of an execution is taken",
    20: "an execution is ended from outside, or fails for good",
    21: "an execution's history is full, so that another takes over",
    22: "more would travel between two states than a state may hold",
    23: "more would be in an item than DynamoDB takes",
    24: "DynamoDB is busy, or a condition fails, or transactions collide",
    25: "what is read is not the newest",
    26: "a change of several items is cut off in the middle",
    27: "part of a batch comes back undone",
    28: "details expire that are still needed",
    29: "a run is restarted while jobs of it still run",
    30: "a run is cancelled while jobs are submitted",
    31: "an operator's verb races with the end of a job",
    32: "a schedule or a job definition is changed during a run",
    33: "another version of this program wrote what is read",
    34: "a document is poison: a cycle, a million values, too deep, keys twice, no text at all",
    35: "events of uploads come twice, late or in the wrong order",
    36: "a file changes between its event and the look at it",
    37: "nobody can be told: the topic is busy, is gone, or takes no such message",
    38: "the same thing is told twice",
    39: "a write of the history is cut off",
    40: "the clocks of two processes differ, or go backwards",
    41: "a time doesn't exist, or exists twice, because clocks are put forward or back",
    42: "what starts runs is stored in part, or left over from an older version",
    43: "a trigger is changed, and fires for the time that it had before",
    44: "a function is called twice, or at once with itself, or by an event that came late",
    45: "the time of a function is up",
    46: "a process is used again, and remembers what was true before",
    47: "an engine or a host is killed, or its files are torn",
    48: "a job's own files can't be fetched, or are incomplete",
    49: "the logs of a job are not there, or not any more",
    50: "nothing answers for hours, and then everything at once",
}
NOT_YET: frozenset[int] = frozenset()


def tests_of() -> dict[int, list[str]]:
    """The tests of each fault, as pytest names them from the directory of the tests on."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, number in _TEST.findall(path.read_text(encoding="utf-8")):
            found[int(number)].append(f"{path.relative_to(TESTS).as_posix()}::{name}")
    return found


def rows() -> Iterator[Sequence[str]]:
    """Number, what goes wrong, and the tests, of each fault."""
    tests = tests_of()
    for number, words in FAULTS.items():
        named = "<br>".join(f"`{test}`" for test in tests[number])
        yield f"F{number}", words, named or "not yet"
