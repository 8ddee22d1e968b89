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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3  # noqa: TID251 - deploys, and is not deployed
from botocore.exceptions import (  # noqa: TID251 - as above
    BotoCoreError,
    ClientError,
    NoCredentialsError,
)

from cloudformation import rendering
from cloudformation.gateway import Api, apis_of
from cloudformation.linting import write_for_linters
from cloudformation.packing import rewrite_zip
from cloudformation.removing import remove_data, remove_functions
from cloudformation.rendering import POLICIES, PROJECT, Place, Stage, TemplateError
from cloudformation.stacks import StackError, Stacks, Wanted
from cloudformation.stages import DeployError, read_stage

_DEPLOYED = PROJECT / ".chalice" / "deployed"  # where Chalice writes down what it has deployed
_FUNCTION = "AWS::Lambda::Function"


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
        self._check_way()
        say(f"Stage {self.stage.name}, account {place.account}, region {place.region}")
        for wanted in self._companions():
            self._bring(wanted)
        write_policies(self.stage, place)
        say("Functions, by Chalice:")
        self._adopt_api()
        chalice("deploy", "--stage", self.stage.name)
        self._complete_api(place)
        self._bring(self._functions())
        self._tell()

    def diff(self) -> None:
        write_policies(self.stage, self.place)
        self._check_way()
        for wanted in (*self._companions(), self._functions()):
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
            say("Type the stage's name to go on:")
            if sys.stdin.readline().strip() != name:
                raise DeployError("Nothing was changed.")
        self.stacks.delete(self.stage.functions_stack)
        write_policies(self.stage, place)
        chalice("delete", "--stage", name)
        # Chalice knows only what was deployed from this directory.
        remove_functions(self.session, self.stage, say)
        self.stacks.delete(self.stage.jobs_stack)
        self.stacks.delete(self.stage.state_stack)
        self.stacks.delete(self.stage.stack)
        say(f"Deleted: functions and stacks; {lost}.")
        if data:
            remove_data(self.session, self.stage, place, say)

    def _companions(self) -> list[Wanted]:
        """What is there before the functions."""
        return [
            self._wanted(self.stage.stack, rendering.companion()),
            self._wanted(self.stage.state_stack, rendering.state()),
            self._wanted(self.stage.jobs_stack, rendering.jobs()),
        ]

    def _functions(self) -> Wanted:
        template = rendering.load(rendering.FUNCTIONS_TEMPLATE)
        return self._wanted(self.stage.functions_stack, template)

    def _wanted(self, name: str, template: Mapping[str, Any]) -> Wanted:
        given = rendering.parameters_of(self.stage, template)
        tags = {"BatchSchedulerStage": self.stage.name}
        return Wanted(name, rendering.body(template), given, tags)

    def _bring(self, wanted: Wanted) -> None:
        say(f"Stack {wanted.name}:")
        for line in self.stacks.bring(wanted) or ["no changes"]:
            say(f"  {line}")

    def _adopt_api(self) -> None:
        """Let Chalice go on with the API that was deployed from another directory, and its URL."""
        path = _DEPLOYED / f"{self.stage.name}.json"
        if path.exists():
            return
        for api in apis_of(self.session.client("apigateway"), self.stage):
            path.parent.mkdir(parents=True, exist_ok=True)
            known = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api}
            _write_json(path, {"resources": [known], "schema_version": "2.0", "backend": "api"})
            say(f"  going on with API {api}, which was deployed from another directory")
            return

    def _complete_api(self, place: Place) -> None:
        client, own = self.session.client("apigateway"), deployed(self.stage, "rest_api_id")
        Api(client, own).complete(self.stage, place)

    def _check_way(self) -> None:
        """Refuse a stage whose functions CI/CD made: our smaller stack would delete them."""
        name = self.stage.functions_stack
        if self.stacks.has(name, _FUNCTION):
            raise DeployError(
                f"CI/CD has deployed stage {self.stage.name} (its functions are in the stack "
                f"{name}): go on that way, or take it away first by make destroy."
            )

    def _tell(self) -> None:
        say(f"Deployed: stage {self.stage.name}.")
        told = {"URL": deployed(self.stage, "rest_api_url")}
        for name, value in {**self.stacks.outputs(self.stage.stack), **told}.items():
            say(f"  {name:<16} {value}")


def deployed(stage: Stage, member: str) -> str:
    """What Chalice wrote down of the stage's API. Raises DeployError if it wrote nothing."""
    path = _DEPLOYED / f"{stage.name}.json"
    made = json.loads(path.read_text("utf-8"))["resources"] if path.exists() else []
    found = [str(each[member]) for each in made if member in each]
    if not found:
        raise DeployError(f"Chalice has deployed no API for stage {stage.name}.")
    return found[0]


def write_policies(stage: Stage, place: Place | None) -> None:
    """Write each function's policy where .chalice/config.json says that the stage's are."""
    directory = POLICIES / "rendered" / stage.name
    directory.mkdir(parents=True, exist_ok=True)
    for function, policy in rendering.policies(stage, place).items():
        _write_json(directory / f"{function}.json", policy)


def package(stage: Stage, target: Path) -> None:
    """Write what CI/CD needs: companions with their parameters, the functions' template and zip."""
    write_policies(stage, None)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with TemporaryDirectory() as directory:
        merge = Path(directory) / "merge.json"
        _write_json(merge, rendering.merge_template(stage))
        chalice("package", "--stage", stage.name, "--merge-template", str(merge), str(target))
    rewrite_zip(target / "deployment.zip")
    for template, name, parameters in (
        (rendering.companion(), "companion", "parameters"),
        (rendering.state(), "state", "state-parameters"),
        (rendering.jobs(), "jobs", "jobs-parameters"),
    ):
        (target / f"{name}.json").write_text(rendering.body(template), "utf-8")
        _write_json(target / f"{parameters}.json", rendering.parameters(stage, template))
    say(
        f"In {target}: companion.json with parameters.json, state.json with"
        " state-parameters.json and jobs.json with jobs-parameters.json first, then sam.json with"
        " deployment.zip"
    )


def chalice(*arguments: str) -> None:
    """Run Chalice of this environment on the project. Raises DeployError with its last line."""
    command = [str(Path(sys.executable).with_name("chalice")), *arguments]
    # Packaging asks for a region, though what it makes has none; the certificates of pip stay.
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}  # noqa: TID251 - a child's
    done = subprocess.run(  # noqa: S603 - our own environment's program
        command, cwd=PROJECT, env=environment, check=False, stderr=subprocess.PIPE, text=True
    )
    said = done.stderr.strip().splitlines()
    if done.returncode:
        why = said[-1].strip() if said else f"exit {done.returncode}"
        raise DeployError(f"chalice {' '.join(arguments)}: {why}\nThe same command goes on.")
    for line in said:
        say(line)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        _do(options)
    except NoCredentialsError:
        return _fail("No credentials for AWS: `aws sts get-caller-identity` must answer.")
    except (DeployError, StackError, TemplateError, BotoCoreError, ClientError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("Cut off. The same command goes on.", code=130)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cloudformation.deploy", description=__doc__)
    parser.add_argument("verb", choices=["deploy", "diff", "package", "destroy", "template"])
    parser.add_argument("--stage", required=True)
    parser.add_argument("--data", action="store_true", help="destroy: tables and buckets as well")
    parser.add_argument("--yes", action="store_true", help="destroy: don't ask")
    parser.add_argument("--to", type=Path, help="package, template: where to write")
    return parser


def _do(options: argparse.Namespace) -> None:
    stage = read_stage(options.stage)
    target = (options.to or PROJECT / "build" / "package" / stage.name).absolute()
    match options.verb:
        case "deploy":
            Deployer(stage, boto3.Session()).deploy()
        case "diff":
            Deployer(stage, boto3.Session()).diff()
        case "destroy":
            Deployer(stage, boto3.Session()).destroy(data=options.data, agreed=options.yes)
        case "package":
            package(stage, target)
        case "template":
            write_for_linters(stage, target)


def _fail(text: str, code: int = 1) -> int:
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
