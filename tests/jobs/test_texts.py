"""A script in S3, by batch-job as the process that it is in a container."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import WHO, Containers, containers
from tests.jobs.data_api import DataApi, Does
from tests.strict.s3 import FakeS3

URL = "s3://scripts/edw/load.sql"


class Loading:
    """A warehouse and a bucket, and processes that load the one with a script of the other."""

    def __init__(self, made: Containers, directory: Path) -> None:
        self.api = DataApi(made.clock, {"": Does(after=0, rows=4)})
        self.s3 = FakeS3(made.aws)
        self.s3.create("scripts")
        made.aws.serve("s3", self.s3.service())
        made.aws.serve("redshift-data", self.api.service())
        self.containers = made
        self._directory = directory

    def run(self, allowed: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.containers.endpoint.url,
            "BATCH_SCHEDULER_RUN": WHO.run,
            "BATCH_SCHEDULER_JOB": WHO.job,
            "BATCH_SCHEDULER_ATTEMPT": str(WHO.attempt),
            "AWS_BATCH_JOB_ID": WHO.owner,
            "BATCH_SCHEDULER_CLAIMS": f"directory:{self._directory}",
            "BATCH_FILE_ALLOWED": allowed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        words = ["redshift", "--cluster", "cluster", "--database", "dev", "--file", URL]
        return subprocess.run(
            [sys.executable, "-m", "fetch_and_run.main", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    with containers(tmp_path) as made:
        yield Loading(made, tmp_path)


def test_a_script_below_what_is_allowed_is_fetched_and_run(loading: Loading) -> None:
    loading.s3.put("scripts", "edw/load.sql", b"delete from t; insert into t select 1", {})

    ended = loading.run("s3://scripts/edw")

    assert ended.returncode == Exit.OK, ended.stderr
    assert loading.api.ran == ["delete from t", "insert into t select 1"]
    assert loading.containers.claim().outputs == {"rows": "8"}


def test_a_script_from_elsewhere_is_refused_and_not_asked_for(loading: Loading) -> None:
    ended = loading.run("s3://scripts/other")

    assert ended.returncode == Exit.REFUSED
    assert f"{URL} is not below s3://scripts/other" in ended.stderr
    assert loading.containers.aws.calls == []
