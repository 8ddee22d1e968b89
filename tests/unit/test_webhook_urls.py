"""URLs of webhooks whose hosts alone are shown: put back, and told to have changed."""

import json
from typing import Any

import pytest

from chalicelib.core.loading import load
from chalicelib.core.secrecy import shown_document
from chalicelib.errors import InvalidInputError
from chalicelib.services import runs, schedules
from chalicelib.services.migrating import Fate, Kind, Migration, OldItem, migrate
from tests.builders import document, job, loaded
from tests.unit.stores import world

ONE, OTHER = "https://hooks.example.com/one", "https://hooks.example.com/other"
ELSEWHERE = "https://chat.example.org/third"
CUT = "https://hooks.example.com/…"
LOG = {"log": True}


def told(url: str, *on: str) -> dict[str, Any]:
    return {"on": list(on or ("failed",)), "webhook": {"url": url}}


def kept(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """The URLs that are stored when one is put upon the other."""
    ports = world()
    schedules.put(ports, loaded(notify=before), "ada")
    stored = schedules.put(ports, loaded(notify=after), "ada")
    rules = json.loads(stored.document)["notify"]
    return [each["webhook"]["url"] for each in rules if "webhook" in each]


def test_a_schedule_put_as_it_was_shown_is_no_new_version() -> None:
    ports = world()
    made = document(notify=[LOG, told(ONE), told(OTHER, "stuck"), told(ELSEWHERE)])
    first = schedules.put(ports, load(made), "ada")
    shown = load(shown_document(made))
    assert schedules.put(ports, shown, "ada") == first


@pytest.mark.parametrize(
    ("before", "after", "urls"),
    [
        ([told(ONE)], [told(CUT, "stuck")], [ONE]),  # the host has one
        ([told(ONE), LOG], [LOG, told(CUT)], [ONE]),
        ([told(ELSEWHERE), told(ONE)], [told(CUT)], [ONE]),
        # the rule is as it was, wherever it stands
        ([told(ONE), told(OTHER, "stuck")], [told(CUT, "stuck"), told(CUT)], [OTHER, ONE]),
        ([told(ONE), told(OTHER, "stuck")], [told(CUT, "stuck")], [OTHER]),
        # at the same place
        ([told(ONE), told(OTHER)], [told(CUT), told(CUT)], [ONE, OTHER]),
        ([told(ONE), told(OTHER)], [told(CUT), told(CUT, "missed")], [ONE, OTHER]),
        ([told(ONE)], [told(OTHER)], [OTHER]),
    ],
)
def test_a_url_that_is_cut_off_stays_what_it_was(
    before: list[dict[str, Any]], after: list[dict[str, Any]], urls: list[str]
) -> None:
    assert kept(before, after) == urls


@pytest.mark.parametrize(
    ("before", "after", "path", "reason"),
    [
        ([told(ELSEWHERE)], [LOG, told(CUT)], "$.notify[1].webhook.url", "does not have"),
        ([LOG], [told(CUT)], "$.notify[0].webhook.url", "does not have"),
        ([told(ONE), told(OTHER)], [told(CUT)], "$.notify[0].webhook.url", "several"),
        (
            [told(ELSEWHERE), told(ONE), told(OTHER)],
            [told(CUT), told(ELSEWHERE), told(ONE)],
            "$.notify[0].webhook.url",
            "several",
        ),
    ],
)
def test_one_that_may_stand_for_none_or_several_is_refused(
    before: list[dict[str, Any]], after: list[dict[str, Any]], path: str, reason: str
) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        kept(before, after)
    assert [each.path for each in caught.value.problems] == [path]


def test_a_new_schedule_needs_whole_urls() -> None:
    ports = world()
    with pytest.raises(InvalidInputError, match=r"notify\[0\].webhook.url: .*does not have"):
        schedules.put(ports, loaded(notify=[told(CUT)]), "ada")
    item = OldItem(kind=Kind.SCHEDULE, place="x", value=document(notify=[told(CUT)]))
    [judged] = migrate(ports, [item], Migration(actor="ada", apply=True))
    assert judged.fate is Fate.REFUSED
    assert ports.schedules.list_schedules() == []


def test_a_run_of_a_document_put_as_it_was_shown_tells_the_stored_url() -> None:
    ports = world()
    schedules.put(ports, loaded(notify=[told(ONE)]), "ada")
    shown = loaded(notify=[told(CUT)])
    stored = schedules.put(ports, shown, "ada")
    for given in (shown, loaded(notify=[told(ONE)])):
        header = runs.start(ports, stored, runs.StartRequest(actor="ada"), given)
        assert [each.receiver.address for each in header.policy.notify] == [ONE]


def test_the_host_alone_is_no_part_of_a_path() -> None:
    for url in ("https://hooks.example.com/one/…", "https:///…", "http://hooks.example.com/…"):
        with pytest.raises(InvalidInputError):
            loaded(notify=[told(url)])


def lines(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """The lines about URLs of what two versions differ in."""
    ports = world()
    schedules.put(ports, loaded(job("a"), notify=before), "ada")
    schedules.put(ports, loaded(job("a"), job("b"), notify=after), "ada")
    found = schedules.compare(ports, "nightly", None, None).difference
    assert bool(found.fields) == any('"url"' in line for line in found.lines)
    return [f"{line[0]} {line.split()[-1]}" for line in found.lines
            if '"url"' in line and line[0] in "+-"]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([told(ONE)], [told(ONE)], []),
        ([LOG], [LOG], []),
        ([], [told(ONE)], [f'+ "{CUT}"']),
        ([told(ONE)], [told(OTHER)], [f'- "{CUT}"', '+ (changed)"']),
        ([LOG], [told(ONE)], [f'+ "{CUT}"']),
        ([told(ONE)], [told(ELSEWHERE)], [f'- "{CUT}"', '+ "https://chat.example.org/…"']),
        ([told(ONE), LOG], [told(OTHER)], [f'- "{CUT}"', '+ (changed)"']),
        ([told(ONE), told(OTHER)], [told(OTHER)], [f'- "{CUT}"']),
    ],
)
def test_a_url_that_differs_out_of_sight_is_shown_as_changed(
    before: list[dict[str, Any]], after: list[dict[str, Any]], changed: list[str]
) -> None:
    assert lines(before, after) == changed
