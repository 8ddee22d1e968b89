"""What a job tells its scheduler while it runs, by the commands and what they print."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fetch_and_run.claims import Claim
from fetch_and_run.directory_claims import DirectoryClaims
from fetch_and_run.exits import Exit
from fetch_and_run.identity import Identity
from fetch_and_run.main import main
from fetch_and_run.world import World
from tests.jobs.worlds import NOW, printed, world_of

WHO = Identity(run="nightly/2026-11-30T05:00:00.000000Z", job="load", attempt=1, owner="job-1")


@pytest.fixture
def claims(tmp_path: Path) -> DirectoryClaims:
    return DirectoryClaims(tmp_path, lambda: NOW)


@pytest.fixture
def world(claims: DirectoryClaims) -> World:
    return world_of({}, WHO, claims)


def told(claims: DirectoryClaims) -> Claim:
    return claims.take(WHO, NOW)


def off_record(world: World) -> World:
    return replace(world, who=None, claims=None)


def test_progress_is_printed_and_on_record(world: World, claims: DirectoryClaims) -> None:
    assert main(["batch-job", "progress", "40", "loading é"], world) == 0
    assert main(["progress", "62.5"], world) == 0
    assert printed(world.out) == "40% loading é\n62.5%\n"
    progress = told(claims).progress
    assert progress is not None
    assert (progress.percent, progress.text, progress.at) == (62.5, "", NOW)


def test_progress_is_only_printed_where_nothing_is_on_record(world: World) -> None:
    assert main(["progress", "40"], off_record(world)) == 0
    assert (printed(world.out), printed(world.err)) == ("40%\n", "")


def test_a_job_goes_on_though_its_progress_can_not_be_kept(world: World, tmp_path: Path) -> None:
    (tmp_path / "nightly").write_text("in the way", "utf-8")
    assert main(["progress", "40"], world) == 0
    assert "not on record: claims in" in printed(world.err)
    assert main(["output", "rows=1"], world) == Exit.NO_CLAIMS


def test_a_job_that_has_lost_its_claim_is_told_so_when_it_tells(world: World) -> None:
    main(["progress", "1"], world)
    other = replace(world, who=replace(WHO, owner="job-2"))
    assert main(["progress", "2"], other) == Exit.LOST_CLAIM
    assert main(["output", "rows=2"], other) == Exit.LOST_CLAIM


def test_outputs_and_links_are_on_record_by_their_names(
    world: World, claims: DirectoryClaims
) -> None:
    assert main(["output", "rows=123", "text=a=b c", "none="], world) == 0
    assert main(["link", "report=https://example.org/r?x=1", "raw=s3://b/k"], world) == 0
    assert told(claims).outputs == {"rows": "123", "text": "a=b c", "none": ""}
    assert told(claims).links == {"report": "https://example.org/r?x=1", "raw": "s3://b/k"}
    assert printed(world.err) == ""


@pytest.mark.parametrize("command", ["output", "link"])
def test_outputs_and_links_need_a_record(world: World, command: str) -> None:
    assert main([command, "a=https://x"], off_record(world)) == Exit.NO_CLAIMS
    assert "nothing is on record" in printed(world.err)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["progress", "-1"], "from 0 to 100"),
        (["progress", "101"], "from 0 to 100"),
        (["progress", "nan"], "from 0 to 100"),
        (["progress", "half"], "'half' is no number"),
        (["progress", "1", "x" * 201], "has 201 characters, and may have 200"),
        (["progress", "1", "a\nb"], "can't be printed"),
        (["progress"], "required: percent"),
        (["output"], "required: NAME=VALUE"),
        (["output", "rows"], "has no ="),
        (["output", "1a=x"], "'1a' is no name"),
        (["output", "a-b=x"], "'a-b' is no name"),
        (["output", f"{'a' * 65}=x"], "is no name"),
        (["output", "=x"], "'' is no name"),
        (["output", "ok=1", f"a={'x' * 1025}"], "has 1025 characters, and may have 1024"),
        (["output", "ok=1", "a=\x1b[2J"], "can't be printed"),
        (["output", "a=\udcff"], "can't be printed"),
        (["output", "a=1", "a=2"], "a name is there twice"),
        (["link", "ok=https://x", "a=javascript:alert(1)"], "no URL of https, http or s3"),
        (["link", "a=file:///etc/passwd"], "no URL of https, http or s3"),
        (["link", "a=https://"], "no URL of https, http or s3"),
        (["link", "a=http://[x"], "no URL of https, http or s3"),
        (["link", "a=https://x y"], "no URL of https, http or s3"),
        (["claim"], "claim needs a command after --"),
        (["claim", "--"], "claim needs a command after --"),
        ([], "required: COMMAND"),
        (["nothing"], "invalid choice: 'nothing'"),
    ],
)
def test_what_can_not_be_read_ends_with_2_in_one_line_and_tells_nothing(
    world: World, claims: DirectoryClaims, argv: list[str], words: str
) -> None:
    assert main(argv, world) == Exit.USAGE
    said = printed(world.err)
    assert words in said
    assert (said.count("\n"), said.isascii()) == (1, True)
    assert told(claims) == Claim(owner="job-1", claimed_at=NOW)


def test_the_scheme_of_a_link_is_kept_as_the_scheduler_reads_it(
    world: World, claims: DirectoryClaims
) -> None:
    assert main(["link", "a=HTTPS://Example.org/A", "b=S3://bucket/Key"], world) == 0
    assert told(claims).links == {"a": "https://Example.org/A", "b": "s3://bucket/Key"}


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["link", "a=https://ann:hunter2@example.org/"], "a user or a password in a URL"),
        (["output", "a=see https://ann:hunter2@example.org/"], "a user or a password in a URL"),
        (["link", "a=https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=hunter2"], "query"),
        (["link", "a=https://x/?x-amz-security-token=hunter2"], "a secret in a URL's query"),
        (["link", "a=https://x/#access_token=hunter2"], "a secret in a URL's query"),
        (["output", "a=https://x/?a=1&sig=hunter2"], "a secret in a URL's query"),
        (["output", "a=https://x/?password=hunter2"], "a secret in a URL's query"),
        (["output", "a=https://x/?api_key=hunter2"], "a secret in a URL's query"),
        (["output", "a=eyJhbGciOiJub25l.eyJzdWIiOiJodW50ZXIyIn0.hunter2"], "a JSON Web Token"),
    ],
)
def test_what_looks_like_a_secret_is_refused_and_not_quoted(
    world: World, claims: DirectoryClaims, argv: list[str], kind: str
) -> None:
    assert main([argv[0], "ok=s3://b/k", *argv[1:]], world) == Exit.REFUSED
    assert (kind in printed(world.err), "hunter2" in printed(world.err)) == (True, False)
    assert told(claims) == Claim(owner="job-1", claimed_at=NOW)


def test_a_secret_in_what_is_no_link_is_not_quoted(world: World) -> None:
    assert main(["link", "a=ftp://ann:hunter2@example.org/"], world) == Exit.USAGE
    assert "the value of a is no URL of https, http or s3" in printed(world.err)
    assert "hunter2" not in printed(world.err)


def test_a_link_with_an_ordinary_query_is_no_secret(world: World) -> None:
    assert (
        main(["link", "a=https://x/?design=1&tokens=5&page=2#top", "b=https://x/a@b"], world) == 0
    )


class Broken(DirectoryClaims):
    """Claims with a bug."""

    def take(self, who: Identity, now: datetime) -> Claim:
        raise KeyError("of\nall")


def test_a_bug_is_told_in_one_line_and_where_it_is_only_when_asked_for(tmp_path: Path) -> None:
    claims = Broken(tmp_path, lambda: NOW)
    world = world_of({}, WHO, claims)
    assert main(["claim", "--", "true"], world) == Exit.BUG
    told = "batch-job: a bug: KeyError: 'of\\nall'"
    assert printed(world.err) == f"{told} (BATCH_JOB_TRACEBACK=1 shows where)\n"
    world = world_of({"BATCH_JOB_TRACEBACK": "1"}, WHO, claims)
    assert main(["claim", "--", "true"], world) == Exit.BUG
    assert printed(world.err).startswith("Traceback (most recent call last):\n")
    assert printed(world.err).splitlines()[-1] == told


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["claim", "-h"], ["link", "-h"]])
def test_every_command_explains_itself(
    world: World, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv, world)
    assert raised.value.code == 0
    assert "usage: batch-job" in capsys.readouterr().out
