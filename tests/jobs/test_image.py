"""The image of batch-job: its base and its packages are fixed, and nobody is root in it."""

import re
from pathlib import Path

import yaml

from tests.jobs.processes import ROOT, Ended, Started

HERE = ROOT / "fetch_and_run"
DOCKERFILE = (HERE / "Dockerfile").read_text("utf-8")
WORKFLOW = ROOT / "examples" / "github-actions" / "image.yml"


def test_every_base_is_named_by_tag_and_digest_and_is_the_same() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])
    assert len(set(bases)) == 1


def test_it_is_not_run_by_root_and_begins_with_batch_job() -> None:
    last = DOCKERFILE.split("FROM")[-1]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", last, re.MULTILINE)
    assert last.rstrip().endswith('ENTRYPOINT ["/usr/local/bin/batch-job"]')


def test_every_file_of_every_package_is_fixed_by_its_hash() -> None:
    locked = (HERE / "requirements.txt").read_text("utf-8")
    named = re.findall(r"^([a-z0-9-]+)==[\w.]+ \\\n    --hash=sha256:", locked, re.MULTILINE)
    assert {"asyncssh", "boto3", "botocore", "cryptography"} <= set(named)
    assert len(named) == len(re.findall(r"^[a-z]", locked, re.MULTILINE))
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary :all:" in DOCKERFILE


def test_what_is_locked_for_the_image_is_what_is_tested() -> None:
    versions = re.compile(r"^([a-z0-9-]+)==([\w.]+)", re.MULTILINE)
    tested = dict(versions.findall((ROOT / "requirements-dev.txt").read_text("utf-8")))
    locked = dict(versions.findall((HERE / "requirements.txt").read_text("utf-8")))
    assert {name: tested.get(name) for name in locked} == locked


def test_only_what_it_runs_is_sent_to_be_built() -> None:
    lines = (HERE / ".dockerignore").read_text("utf-8").split()
    assert lines == ["*", "!**/*.py", "!batch-job", "!requirements.txt"]


def test_the_program_of_the_image_takes_no_code_from_its_job(tmp_path: Path) -> None:
    text = (HERE / "batch-job").read_text("utf-8")
    assert text.startswith("#!/usr/local/bin/python -I\n")
    launcher = tmp_path / "batch-job"
    launcher.write_text(text.replace('"/opt/batch-job"', repr(str(ROOT))), "utf-8")
    (tmp_path / "fetch_and_run.py").write_text("raise SystemExit('not ours')", "utf-8")
    (tmp_path / "argparse.py").write_text("raise SystemExit('not ours')", "utf-8")
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "argparse.py")}
    words = ["progress", "40", "loading"]
    ended = Started(words, hostile, tmp_path, ("-I", str(launcher))).end()
    assert ended == Ended(0, "40% loading\n", "")


def test_the_workflow_names_actions_by_commit_and_keeps_no_key() -> None:
    text = WORKFLOW.read_text("utf-8")
    named = re.findall(r"uses: (.*)", text)
    assert named
    for each in named:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
    assert "secrets." not in text
    job = yaml.safe_load(text)["jobs"]["image"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert "docker build" in " ".join(step.get("run", "") for step in job["steps"])
