"""The example of CI/CD: no key is kept, nothing unpinned runs, the package is deployed."""

import re
from typing import Any

import yaml

from cloudformation.rendering import PROJECT, Stage

_FILE = PROJECT / "examples" / "github-actions" / "deploy.yml"


def jobs() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))["jobs"]
    return loaded


def commands(job: str) -> str:
    return "\n".join(step.get("run", "") for step in jobs()[job]["steps"])


def test_every_action_is_named_by_its_commit_with_the_tag_beside_it() -> None:
    named = re.findall(r"uses: (.*)", _FILE.read_text("utf-8"))
    assert named
    for each in named:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


def test_only_the_job_that_deploys_may_ask_for_an_identity_and_none_keeps_a_key() -> None:
    asking = [name for name, job in jobs().items() if "id-token" in job["permissions"]]
    assert asking == ["deploy"]
    assert jobs()["deploy"]["needs"] == "check"
    text = _FILE.read_text("utf-8")
    assert "secrets." not in text
    assert "access-key" not in text


def test_what_was_packaged_is_deployed_the_companion_first() -> None:
    assert "make check" in commands("check")
    said = commands("deploy")
    stage, package = Stage("prod"), "build/package/prod"
    order = [
        "make package STAGE=prod",
        f"--stack-name {stage.stack} --template-file {package}/companion.json",
        f"--parameter-overrides file://{package}/parameters.json",
        f"--stack-name {stage.state_stack} --template-file {package}/state.json",
        f"--parameter-overrides file://{package}/state-parameters.json",
        f"--stack-name {stage.jobs_stack} --template-file {package}/jobs.json",
        f"--parameter-overrides file://{package}/jobs-parameters.json",
        f"--template-file {package}/sam.json",
        f"--stack-name {stage.functions_stack}",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
