"""The papers agree with the code: commands, generated pages, links, words, decisions."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from chalicelib.core.lifecycle import OPERATOR_ACTS, TRANSITIONS, Act, JobStatus
from docs import faults, generate, state_machine

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "stepfunctions" / "README.md"
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), MACHINE])
OWN_WORDS = [
    paper for paper in PAPERS if paper.name not in {"glossary.md", "document-reference.md"}
]
VERBS = generate.verbs()
GROUPS = {name.partition(" ")[0] for name in VERBS if " " in name}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands_in(text: str) -> Iterator[list[str]]:
    """Every use of the program in a paper: its verb, of one word or two, and the words after it."""
    for line in re.findall(r"batch-scheduler( [^`\n|#>]+)", text):
        try:
            words = shlex.split(line)
        except ValueError:  # an apostrophe: prose about the program, not a use of it
            continue
        of_verb = 2 if words[0] in GROUPS else 1
        yield [" ".join(words[:of_verb]), *words[of_verb:]]


def is_verb(word: str) -> bool:
    return word in VERBS or word.startswith("-")


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_command_that_is_shown_exists_with_its_options(paper: Path) -> None:
    shown = re.sub(r"\]\([^)]*\)", "]", paper.read_text(encoding="utf-8"))
    for verb, *words in commands_in("\n".join(code_of(shown))):
        assert is_verb(verb), f"{verb} is no verb"
        known = {option for each in VERBS[verb].params for option in each.opts} if words else set()
        for word in words:
            assert not word.startswith("--") or word.partition("=")[0] in known, f"{verb} {word}"


def code_of(text: str) -> Iterable[str]:
    """Blocks and inline code of a paper."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [*blocks, *re.findall(r"`([^`\n]+)`", text)]


@pytest.mark.parametrize("page", generate.pages(), ids=name_of)
def test_a_generated_page_is_what_the_code_would_make_of_it_now(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == generate.pages()[page], "run `make docs`"


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_link_inside_the_repository_leads_somewhere(paper: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", paper.read_text(encoding="utf-8")):
        assert (paper.parent / target).exists(), target


def test_the_diagram_shows_every_way_of_the_status_table_that_no_operator_makes() -> None:
    shown = set(re.findall(r"^    (\w+) --> (\w+): ", generate.diagram(), re.MULTILINE))
    boxes = {status: status.value for status in JobStatus}
    boxes |= dict.fromkeys((JobStatus.SUBMITTED, JobStatus.PENDING, JobStatus.RUNNABLE), "QUEUED")
    boxes |= dict.fromkeys((JobStatus.STARTING, JobStatus.RUNNING), "STARTED")
    made = {
        (boxes[before], boxes[after])
        for before, row in TRANSITIONS.items()
        for act, afters in row.items()
        for after in afters
        if act not in OPERATOR_ACTS and boxes[before] != boxes[after]
    }
    assert shown == made


def test_the_diagram_of_the_state_machine_shows_every_state_and_every_way() -> None:
    shown = set(re.findall(r"^    (\S+) --> (\w+)", state_machine.diagram(), re.MULTILINE))
    assert shown == {
        ("[*]", "GetSchedule"),
        *((origin, target) for origin, target, _ in state_machine.ways()),
    }
    ended = set(re.findall(r"^    (\w+) --> \[\*\]$", state_machine.diagram(), re.MULTILINE))
    ends = [name for name, state in state_machine.states().items() if "Next" not in state]
    assert ended == {name for name in ends if "Default" not in state_machine.states()[name]}
    assert {name for pair in shown for name in pair} - {"[*]"} == set(state_machine.states())


def test_every_fault_that_can_happen_is_made_by_a_test() -> None:
    tests = faults.tests_of()
    assert set(tests) <= set(faults.FAULTS)
    assert set(faults.FAULTS) - set(tests) == faults.NOT_YET
    assert list(faults.FAULTS) == list(range(1, 51))


def test_every_status_and_every_act_is_told_in_words() -> None:
    statuses = (ROOT / "docs" / "statuses.md").read_text(encoding="utf-8")
    for status in JobStatus:
        assert f"| `{status}` |" in statuses
    for act in Act:
        assert f"`{act.value.lower().replace('_', ' ')}`" in statuses


def test_a_block_of_a_page_is_renewed_and_the_rest_is_left_alone() -> None:
    page = "before\n<!-- made: diagram -->\nold\n<!-- end -->\nafter\n"
    renewed = generate.filled(page, {"diagram": "new\n"})
    assert renewed == "before\n<!-- made: diagram -->\nnew\n<!-- end -->\nafter\n"


def test_a_cell_of_a_table_may_hold_a_bar() -> None:
    assert generate.table(("a",), [("b|c",)]) == "| a |\n| --- |\n| b\\|c |\n"


@pytest.mark.parametrize("paper", OWN_WORDS, ids=name_of)
def test_no_paper_uses_a_word_that_the_glossary_replaces(paper: Path) -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in glossary.splitlines() if line.startswith("| ")]
    replaced = {
        word.strip()
        for _, _, column in rows[1:]
        for word in re.sub(r"\(.*\)", "", column).split(",")
    }
    own = {word.strip() for column, *_ in rows[1:] for word in column.split(",")}
    # These are right elsewhere: Linux has tasks, an adapter has instances, we kill processes.
    ordinary = {"kill", "instance", "child", "try", "cycle", "flow", "task", "step", ""} | own
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", paper.read_text("utf-8"), flags=re.DOTALL)
    found = set(re.findall(r"[a-z]+", prose.lower())) & (replaced - ordinary)
    assert not found


def test_decisions_are_numbered_without_a_gap_and_dated() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(decision.name[:4]) for decision in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    for number, decision in enumerate(decisions, 1):
        title, _, dated, *_ = decision.read_text(encoding="utf-8").splitlines()
        assert title.startswith(f"# {number}. ")
        assert re.match(r"20\d\d-\d\d-\d\d\. ", dated)
