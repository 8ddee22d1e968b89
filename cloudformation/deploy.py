"""Brings a stage of the AWS edition to AWS, shows what would change, packages it, takes it away.

The companion stack first, then Chalice's functions, then what needs those. Every part may be done
again: after a failure the same command goes on.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # noqa: TID251 - deploys, and is not deployed
from botocore.exceptions import BotoCoreError, ClientError  # noqa: TID251 - as above

from cloudformation import rendering
from cloudformation.linting import write_for_linters
from cloudformation.packing import rewrite_zip
from cloudformation.removing import remove_data
from cloudformation.rendering import CONFIG, POLICIES, PROJECT, Place, Stage
from cloudformation.stacks import StackError, Stacks, Wanted

_PARAMETERS = PROJECT / "cloudformation" / "parameters"
_NAMES = {
    "SchedulesBucketName": "BATCH_SCHEDULER_BUCKET",
    "ArchiveBucketName": "BATCH_SCHEDULER_ARCHIVE_BUCKET",
}


class DeployError(Exception):
    """What keeps us from deploying, in one sentence."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Deployer:
    """One stage, and the account that it is brought to."""

    stage: Stage
    session: Any  # boto3.Session

    @property
    def place(self) -> Place:
        if not self.session.region_name:
            raise DeployError("No region: set AWS_REGION, or the region of your AWS profile.")
        arn = self.session.client("sts").get_caller_identity()["Arn"]
        _, partition, _, _, account, _ = arn.split(":", 5)
        return Place(partition=partition, account=account, region=self.session.region_name)

    @property
    def stacks(self) -> Stacks:
        return Stacks(self.session.client("cloudformation"))

    def deploy(self) -> None:
        place = self.place
        _check_config(self.stage)
        say(f"Stage {self.stage.name}, account {place.account}, region {place.region}")
        self._bring(self._companion())
        write_policies(self.stage, place)
        say("Functions, by Chalice:")
        chalice("deploy", "--stage", self.stage.name)
        self._bring(self._functions())
        for name, value in sorted(self.stacks.outputs(self.stage.stack).items()):
            say(f"  {name:<16} {value}")

    def diff(self) -> None:
        write_policies(self.stage, self.place)
        for wanted in (self._companion(), self._functions()):
            say(f"{wanted.name}:")
            for line in self.stacks.changes(wanted) or ["no changes"]:
                say(f"  {line}")
        say("Functions, as Chalice plans them:")
        chalice("dev", "plan", "--stage", self.stage.name)

    def destroy(self, *, data: bool, agreed: bool) -> None:
        place, name = self.place, self.stage.name
        lost = "with all tables and buckets" if data else "tables and buckets stay"
        if not agreed:
            say(f"Stage {name} of account {place.account}, region {place.region}, goes: {lost}.")
            if input("Type the stage's name to go on: ").strip() != name:
                raise DeployError("Nothing was changed.")
        self.stacks.delete(self.stage.functions_stack)
        write_policies(self.stage, place)
        chalice("delete", "--stage", name)
        self.stacks.delete(self.stage.stack)
        say(f"Deleted: functions and stacks; {lost}.")
        if data:
            remove_data(self.session, self.stage, place, say)

    def _companion(self) -> Wanted:
        body = rendering.body(rendering.companion())
        return self._wanted(self.stage.stack, body, self.stage.parameters)

    def _functions(self) -> Wanted:
        body = rendering.body(rendering.load(rendering.FUNCTIONS_TEMPLATE))
        return self._wanted(self.stage.functions_stack, body, {})

    def _wanted(self, name: str, body: str, parameters: Any) -> Wanted:
        tags = {"BatchSchedulerStage": self.stage.name}
        return Wanted(name, body, {**parameters, "Stage": self.stage.name}, tags)

    def _bring(self, wanted: Wanted) -> None:
        say(f"Stack {wanted.name}:")
        for line in self.stacks.bring(wanted) or ["no changes"]:
            say(f"  {line}")


def read_stage(name: str) -> Stage:
    """The stage with the parameters of its file; one without a file has the defaults."""
    path = _PARAMETERS / f"{name}.json"
    parameters = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return Stage(name, {key: str(value) for key, value in parameters.items()})


def write_policies(stage: Stage, place: Place | None) -> None:
    """Write each function's policy where .chalice/config.json says that the stage's are."""
    directory = POLICIES / "rendered" / stage.name
    directory.mkdir(parents=True, exist_ok=True)
    for function, policy in rendering.policies(stage, place).items():
        _write_json(directory / f"{function}.json", policy)


def package(stage: Stage, target: Path) -> None:
    """Write what CI/CD needs: the companion's template, the functions' SAM template and zip."""
    _check_config(stage)
    write_policies(stage, None)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    merge = target / "merge.json"
    _write_json(merge, rendering.merge_template(stage))
    chalice("package", "--stage", stage.name, "--merge-template", str(merge), str(target))
    merge.unlink()
    rewrite_zip(target / "deployment.zip")
    (target / "companion.json").write_text(rendering.body(rendering.companion()), "utf-8")
    say(f"In {target}: companion.json first, then sam.json with deployment.zip")


def chalice(*arguments: str) -> None:
    """Run Chalice of this environment on the project. Raises DeployError."""
    command = [str(Path(sys.executable).with_name("chalice")), *arguments]
    # Packaging asks for a region, though what it makes has none; the certificates of pip stay.
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}  # noqa: TID251 - a child's
    if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode:  # noqa: S603
        raise DeployError(f"chalice {' '.join(arguments)} failed. The same command goes on.")


def _check_config(stage: Stage) -> None:
    stages = json.loads(CONFIG.read_text("utf-8"))["stages"]
    if stage.name not in stages:
        raise DeployError(f"Add the stage {stage.name} to .chalice/config.json, as dev is there.")
    environment = stages[stage.name]["environment_variables"]
    for parameter, variable in _NAMES.items():
        named = stage.parameters.get(parameter, "")
        if named != environment.get(variable, ""):
            raise DeployError(
                f"{parameter} is {named!r}: set {variable} of {stage.name} in .chalice/config.json"
            )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloudformation.deploy", description=__doc__)
    parser.add_argument("verb", choices=["deploy", "diff", "package", "destroy", "template"])
    parser.add_argument("--stage", required=True)
    parser.add_argument("--data", action="store_true", help="destroy: tables and buckets as well")
    parser.add_argument("--yes", action="store_true", help="destroy: don't ask")
    parser.add_argument("--to", type=Path, help="package, template: where to write")
    options = parser.parse_args(arguments)
    stage = read_stage(options.stage)
    deployer = Deployer(stage, boto3.Session())
    target = (options.to or PROJECT / "build" / "package" / stage.name).absolute()
    verbs: dict[str, Callable[[], None]] = {
        "deploy": deployer.deploy,
        "diff": deployer.diff,
        "package": lambda: package(stage, target),
        "destroy": lambda: deployer.destroy(data=options.data, agreed=options.yes),
        "template": lambda: write_for_linters(stage, target),
    }
    try:
        verbs[options.verb]()
    except (DeployError, StackError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
