"""A job that is submitted twice runs once: batch-job as a real process."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from fetch_and_run.exits import Exit
from fetch_and_run.main import real_world
from tests.aws.tables import TABLES
from tests.jobs.processes import AWS, IDENTITY, JOB, RUN, Ended, Started, batch_job
from tests.jobs.table_server import Tables

MARK = ["claim", "--", "sh", "-c", 'echo ran "$0" "$@"; exit 3', "a b", "*"]


def on_disk(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**IDENTITY, "BATCH_SCHEDULER_CLAIMS": f"directory:{tmp_path}/claims", **more}


def on_aws(tables: Tables, **more: str) -> dict[str, str]:
    where = {"BATCH_SCHEDULER_CLAIMS": f"dynamodb:{TABLES.jobs}"}
    return {**IDENTITY, **AWS, **where, "AWS_ENDPOINT_URL_DYNAMODB": tables.url, **more}


def claim_of(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (tmp_path / "claims" / RUN / f"{JOB}.1.json").read_text("utf-8")
    )
    return found


def test_a_command_of_the_image_runs_under_the_claim_as_if_it_were_alone(tmp_path: Path) -> None:
    ended = batch_job(*MARK, cwd=tmp_path, **on_disk(tmp_path))
    assert ended == Ended(3, "ran a b *\n", "")
    assert claim_of(tmp_path)["owner"] == IDENTITY["AWS_BATCH_JOB_ID"]


def test_no_signal_is_ignored_by_a_command_because_python_ignores_it(tmp_path: Path) -> None:
    ended = batch_job("claim", "--", "sh", "-c", "kill -PIPE $$", cwd=tmp_path)
    assert ended.code == -signal.SIGPIPE


def test_f12_the_queues_own_second_attempt_of_the_same_job_runs_again(tmp_path: Path) -> None:
    first = on_disk(tmp_path, AWS_BATCH_JOB_ATTEMPT="1")
    assert batch_job(*MARK, cwd=tmp_path, **first).code == 3
    second = on_disk(tmp_path, AWS_BATCH_JOB_ATTEMPT="2")
    assert batch_job(*MARK, cwd=tmp_path, **second) == Ended(3, "ran a b *\n", "")


def test_a_lost_claim_ends_with_97_before_anything_is_run(tmp_path: Path) -> None:
    batch_job(*MARK, cwd=tmp_path, **on_disk(tmp_path))
    ended = batch_job(*MARK, cwd=tmp_path, **on_disk(tmp_path, AWS_BATCH_JOB_ID="22222222"))
    assert (ended.code, ended.out) == (97, "")
    assert ended.last_line == (
        "batch-job: attempt 1 of job 'load' is done by job 11111111-aaaa already; "
        "this copy of it does nothing"
    )


def test_of_eight_copies_that_start_at_once_one_runs(tmp_path: Path) -> None:
    copies = [
        Started(MARK, on_disk(tmp_path, AWS_BATCH_JOB_ID=f"copy-{number}"), tmp_path)
        for number in range(8)
    ]
    ends = [copy.end() for copy in copies]
    assert sorted(ended.code for ended in ends) == [3] + [97] * 7
    assert [ended.out for ended in ends if ended.out] == ["ran a b *\n"]


def test_a_lost_claim_keeps_a_script_from_being_fetched(tmp_path: Path) -> None:
    batch_job(*MARK, cwd=tmp_path, **on_disk(tmp_path))
    script = {
        "BATCH_FILE_TYPE": "script",
        "BATCH_FILE_S3_URL": "s3://scripts/a",
        "BATCH_FILE_ALLOWED": "s3://scripts",
    }
    copy = on_disk(tmp_path, AWS_BATCH_JOB_ID="22222222", **script)
    assert batch_job("a", cwd=tmp_path, **copy).code == Exit.LOST_CLAIM


def test_on_aws_of_three_copies_one_runs(served_tables: Tables, tmp_path: Path) -> None:
    served_tables.refused = 1
    copies = [
        Started(MARK, on_aws(served_tables, AWS_BATCH_JOB_ID=f"copy-{number}"), tmp_path)
        for number in range(3)
    ]
    ends = [copy.end() for copy in copies]
    assert sorted(ended.code for ended in ends) == [3, 97, 97]
    [winner] = [number for number, ended in enumerate(ends) if ended.out == "ran a b *\n"]
    assert served_tables.claim(RUN, f"{JOB}#1")["owner"] == {"S": f"copy-{winner}"}


def test_where_no_scheduler_is_a_command_runs_and_a_line_says_so(tmp_path: Path) -> None:
    ended = batch_job(*MARK, cwd=tmp_path)
    assert (ended.code, ended.out) == (3, "ran a b *\n")
    assert ended.err.count("nothing is on record") == 1


def test_who_has_no_place_for_a_claim_is_nobody() -> None:
    assert real_world(IDENTITY).who is None
    assert real_world({"BATCH_SCHEDULER_CLAIMS": "directory:/x"}).claims is None


@pytest.mark.parametrize(
    "where",
    ["directory:relative", "directory:", "dynamodb:", "sqlite:/x", "directory:/proc/none"],
)
def test_nothing_is_begun_where_claims_can_not_be_reached(tmp_path: Path, where: str) -> None:
    ended = batch_job(*MARK, cwd=tmp_path, **{**IDENTITY, "BATCH_SCHEDULER_CLAIMS": where})
    assert (ended.code, ended.out) == (Exit.NO_CLAIMS, "")
    assert "nothing was begun" in ended.last_line


def test_nothing_is_begun_where_the_table_is_not_there(
    served_tables: Tables, tmp_path: Path
) -> None:
    gone = on_aws(served_tables, BATCH_SCHEDULER_CLAIMS="dynamodb:gone")
    ended = batch_job(*MARK, cwd=tmp_path, **gone)
    assert (ended.code, ended.out) == (Exit.NO_CLAIMS, "")
    assert "ResourceNotFoundException" in ended.last_line


def test_a_command_that_is_not_there_can_not_be_started(tmp_path: Path) -> None:
    ended = batch_job("claim", "--", "no-such-command", cwd=tmp_path)
    assert ended.code == Exit.NOT_STARTED
    assert ended.last_line == (
        "batch-job: no-such-command can't be started: No such file or directory"
    )
