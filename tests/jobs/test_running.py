"""Scripts and archives of S3 as jobs: batch-job as a real process, S3 over real HTTP."""

import hashlib
import io
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from fetch_and_run.exits import Exit
from fetch_and_run.main import main
from tests.jobs.objects import Bad, Objects
from tests.jobs.processes import AWS, IDENTITY, Ended, Started, batch_job
from tests.jobs.worlds import printed, world_of

CLASSIC = {
    "BATCH_FILE_TYPE": "script",
    "BATCH_FILE_S3_URL": "s3://scripts/daily/job.sh",
    "BATCH_FILE_ALLOWED": "s3://scripts/daily",
}
NAME = "scripts/daily/job.sh"
SHOW = f"""\
#!{sys.executable}
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), os.environ.get("BATCH_FILE_TYPE")]))
"""
HOSTILE = ["$(reboot)", "`id`", "a b", "*", "", "--", "-x", "'\"\\", "é;&|>\n", "run", "batch-job"]

Job = Callable[..., Ended]


def variables(objects: Objects, tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        **AWS,
        "AWS_ENDPOINT_URL_S3": objects.url,
        **CLASSIC,
        "TMPDIR": str(tmp_path),
        **more,
    }


@pytest.fixture
def job(objects: Objects, tmp_path: Path) -> Job:
    """Runs batch-job to its end; afterwards nothing of it is left."""

    def job(*words: str, **more: str) -> Ended:
        ended = batch_job(*words, cwd=tmp_path, **variables(objects, tmp_path, **more))
        assert not list(tmp_path.glob("batch-job-*"))
        return ended

    return job


def archive(**files: str) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(ZipInfo(name.replace("__", "/")), content)
    return made.getvalue()


def test_a_script_gets_its_arguments_as_they_are(
    objects: Objects, job: Job, tmp_path: Path
) -> None:
    objects.put(NAME, SHOW)
    objects.bad[NAME] = Bad(errors=[(503, "SlowDown")], breaks=[3])
    ended = job("job.sh", *HOSTILE)
    (_, *arguments), directory, kind = json.loads(ended.out)
    assert arguments == HOSTILE
    assert (directory, kind) == (str(tmp_path), "script")
    assert ended.code == 0


def test_of_an_archive_the_named_file_is_run_among_the_others(objects: Objects, job: Job) -> None:
    run = '#!/bin/sh\necho "$0 $1 $2"\ncat data.txt\n. ./more/lib.sh\n'
    objects.put(NAME, archive(**{"bin__run": run, "data.txt": "d\n", "more__lib.sh": "exit 5\n"}))
    ended = job("bin/run", "a b", "*", BATCH_FILE_TYPE="zip")
    assert ended.code == 5
    assert ended.out.endswith("/files/bin/run a b *\nd\n")


def test_f48_what_is_not_there_or_is_something_else_is_not_run(objects: Objects, job: Job) -> None:
    missing = job("job.sh")
    assert missing.code == Exit.NOT_FETCHED
    assert "is not there" in missing.last_line
    objects.put(NAME, "#!/bin/sh\necho ran\n")
    wrong = job("job.sh", BATCH_FILE_SHA256="0" * 64)
    assert (wrong.code, wrong.out) == (Exit.CHANGED, "")
    assert "it was not run" in wrong.last_line


def test_the_version_and_the_checksum_that_are_asked_for_are_what_runs(
    objects: Objects, job: Job
) -> None:
    script = "#!/bin/sh\necho first\n"
    version = objects.put(NAME, script)
    objects.put(NAME, "#!/bin/sh\necho second\n")
    digest = hashlib.sha256(script.encode()).hexdigest().upper()
    ended = job("job.sh", BATCH_FILE_S3_VERSION=version, BATCH_FILE_SHA256=digest)
    assert (ended.code, ended.out) == (0, "first\n")


def test_a_file_that_is_not_in_the_archive_is_not_started(objects: Objects, job: Job) -> None:
    objects.put(NAME, archive(a="x"))
    ended = job("b", BATCH_FILE_TYPE="zip")
    assert ended.code == Exit.NOT_STARTED
    assert "'b' is not in the archive" in ended.last_line


def test_run_may_be_written_before_the_script_and_what_was_fetched_may_be_kept(
    objects: Objects, tmp_path: Path
) -> None:
    objects.put(NAME, 'echo "$@"\n')
    more = variables(objects, tmp_path, KEEP_BATCH_FILE_CONTENTS="1")
    ended = batch_job("batch-job", "run", "--", "job.sh", "a", cwd=tmp_path, **more)
    assert (ended.code, ended.out) == (0, "a\n")
    [directory] = tmp_path.glob("batch-job-*")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "batch-file-temp").read_text("utf-8") == 'echo "$@"\n'


def test_the_script_can_tell_the_scheduler_though_its_variables_say_what_to_fetch(
    objects: Objects, job: Job, tmp_path: Path
) -> None:
    tell = f"{sys.executable} -m fetch_and_run.main"
    objects.put(NAME, f"#!/bin/sh\n{tell} batch-job progress 40 half && {tell} output rows=3\n")
    claims = f"directory:{tmp_path}/claims"
    ended = job("job.sh", BATCH_SCHEDULER_CLAIMS=claims, **IDENTITY)
    assert (ended.code, ended.out, ended.err) == (0, "40% half\n", "")
    [claim] = (tmp_path / "claims").rglob("*.json")
    assert json.loads(claim.read_text("utf-8"))["outputs"] == {"rows": "3"}


def test_f48_a_signal_reaches_the_script_and_what_it_answers_counts(
    objects: Objects, tmp_path: Path
) -> None:
    trap = "trap 'kill $!; exit 9' TERM"
    objects.put(NAME, f"#!/bin/bash\n{trap}\necho ready\nsleep 60 & wait\n")
    started = Started(["job.sh"], variables(objects, tmp_path), tmp_path)
    assert started.line() == "ready"
    started.process.send_signal(signal.SIGTERM)
    assert started.end().code == 9
    assert not list(tmp_path.glob("batch-job-*"))


def test_f48_a_signal_while_it_is_fetched_ends_it_before_anything_is_started(
    objects: Objects, tmp_path: Path
) -> None:
    objects.put(NAME, "#!/bin/sh\necho ran\n")
    objects.bad[NAME] = Bad(stalls=99)
    started = Started(["job.sh"], variables(objects, tmp_path), tmp_path)
    assert objects.came.wait(timeout=60)
    started.process.send_signal(signal.SIGTERM)
    ended = started.end()
    assert (ended.code, ended.out) == (128 + signal.SIGTERM, "")
    assert "ended by SIGTERM before anything was started" in ended.last_line
    assert not list(tmp_path.glob("batch-job-*"))


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"BATCH_FILE_TYPE": "exe"}, Exit.USAGE, "BATCH_FILE_TYPE is 'exe'"),
        ({"BATCH_FILE_S3_URL": ""}, Exit.USAGE, "BATCH_FILE_S3_URL is not set"),
        ({"BATCH_FILE_TYPE": "zip"}, Exit.USAGE, "the file of the archive to run"),
        ({"BATCH_FILE_SHA256": "abc"}, Exit.USAGE, "64 hexadecimal digits"),
        ({"BATCH_FILE_S3_URL": "https://x/job.sh"}, Exit.REFUSED, "would begin with s3://"),
        ({"BATCH_FILE_ALLOWED": ""}, Exit.REFUSED, "nothing may be fetched"),
        ({"BATCH_FILE_ALLOWED": "s3://scripts/dai"}, Exit.REFUSED, "not below s3://scripts/dai"),
    ],
)
def test_what_may_not_be_fetched_is_refused_before_anything_is_asked_for(
    more: dict[str, str], code: Exit, words: str
) -> None:
    world = world_of({**CLASSIC, **more})
    assert main([], world) == code
    assert words in printed(world.err)


def test_a_tmpdir_that_is_not_there_is_said_to_be_so_and_no_other_is_taken(
    objects: Objects, job: Job, tmp_path: Path
) -> None:
    objects.put(NAME, "#!/bin/sh\necho ran\n")
    ended = job("job.sh", TMPDIR=str(tmp_path / "none"))
    assert (ended.code, ended.out) == (Exit.REFUSED, "")
    assert ended.last_line == (
        f"batch-job: TMPDIR is '{tmp_path / 'none'}', and no directory can be made there: "
        "No such file or directory"
    )


@pytest.mark.parametrize("name", ["../run", "/bin/sh", "a/../../x", "", "."])
def test_a_script_outside_of_the_archive_is_refused(name: str) -> None:
    world = world_of({**CLASSIC, "BATCH_FILE_TYPE": "zip"})
    assert main([name], world) == Exit.REFUSED
    assert "is no file of the archive" in printed(world.err)


@pytest.mark.parametrize("argv", [["run", "job.sh"], ["run"], ["run", "--", "job.sh"]])
def test_run_without_anything_to_fetch_says_what_is_missing(argv: list[str]) -> None:
    world = world_of({})
    assert main(argv, world) == Exit.USAGE
    assert "BATCH_FILE_TYPE is ''" in printed(world.err)
