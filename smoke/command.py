"""What is typed: `make smoke STAGE=…`, or `python -m smoke --stage …`."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from secrets import token_hex
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.names import archive_of, bucket_of
from chalicelib.bootstrap.on_aws import Timing, account_of, wire
from chalicelib.config import Settings, read_settings
from chalicelib.errors import SchedulerError
from cloudformation.rendering import CONFIG
from smoke import ending, functions, jobs, objects, runs, tables
from smoke.checks import CHECKS, Finding, Verdict, findings
from smoke.cleaning import clean
from smoke.trial import Place, Trial

MODULES = (ending, functions, jobs, objects, runs, tables)  # each enters its checks

_ABOUT = """\
Asks a deployed stage whether AWS behaves as we rely on: each line is a row of docs/unverified.md.

It takes 8 to 13 minutes, and is cut off after {minutes:.0f}. It costs less than 0.10 US dollars:
about half an hour of Fargate tasks with 0.25 vCPU, and some thousand requests. It rings the alarms
run-failed and dead-letters, because it makes a run fail and sends a function an event that is none.
It takes away what it has made; executions and logs go when they expire.

You need rights on the stage's resources as whoever deployed it has.
"""
_MINUTES = 13.0


def settings_of(stage: str, environment: Mapping[str, str]) -> Settings:
    """The settings that the stage's functions have. Raises InvalidInputError for an unknown one."""
    stages = json.loads(CONFIG.read_text("utf-8"))["stages"]
    own = stages.get(stage, {}).get("environment_variables", {})
    said = {"edition": "aws", "stage": stage}
    return read_settings({**environment, **own}, said=said)


def trial_of(settings: Settings, clients: Clients, timing: Timing) -> Trial:
    """A trial of the stage. Raises BackendError, and ClientError for one that is not deployed."""
    stage, where = settings.stage, account_of(clients)
    ports = wire(stage, clients, where, timing)
    name = f"batch-scheduler-{stage.name}"
    queue = _queue(clients, name)
    (pinned,) = ports.queue.pin([{"jobDefinition": f"{name}-shell"}])
    place = Place(
        stage=stage.name,
        where=where,
        bucket=stage.bucket or bucket_of(stage.name, where.account, where.region),
        archive=stage.archive_bucket or archive_of(stage.name, where.account, where.region),
        queue=queue,
        definition=pinned["jobDefinition"],
    )
    return Trial(
        place=place,
        clients=clients,
        ports=ports,
        clock=timing.clock,
        sleep=timing.sleep,
        mark=f"smoke-{token_hex(4)}",
        ends_at=timing.clock() + timedelta(minutes=_MINUTES),
    )


def _queue(clients: Clients, stack: str) -> str:
    """The first of the stage's queues: it may be one that was there before."""
    (found,) = clients["cloudformation"].describe_stacks(StackName=stack)["Stacks"]
    told = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
    return str(told.get("JobQueues", stack)).split(",")[0]


def run(trial: Trial, only: str, say: Callable[[str], None]) -> bool:
    """Make all checks whose names begin so; say whether each was OK."""
    chosen = {name: made for name, made in CHECKS.items() if name.startswith(only)}
    width = max(map(len, chosen), default=0)
    counts: Counter[Verdict] = Counter()
    say(f"{len(chosen)} checks of stage {trial.place.stage}, as {trial.mark}")
    try:
        for name, finding in findings(trial, chosen):
            counts[finding.verdict] += 1
            say(_line(name, width, finding))
    finally:
        for failure in clean(trial):
            say(f"Not cleaned up: {failure}")
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    say(f"{told}, in {trial.seconds() / 60:.0f} min")
    return 0 < counts[Verdict.OK] == len(chosen)


def _line(name: str, width: int, finding: Finding) -> str:
    return f"{finding.verdict:<15}  {name:<{width}}  {finding.seen}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all as expected. 1: something was not, or not seen. 2: it could not begin."""
    options = _parser().parse_args(arguments)
    if options.list:
        _say("\n".join(CHECKS))
        return 0
    try:
        settings = settings_of(options.stage, os.environ)
        session = boto3.Session(
            region_name=settings.stage.region or None, profile_name=settings.stage.profile or None
        )
        trial = trial_of(settings, Clients(session), Timing())
        return 0 if run(trial, options.only, _say) else 1
    except (SchedulerError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Cut off; what it had made is cleaned up.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    formatter: Any = argparse.RawDescriptionHelpFormatter
    about = _ABOUT.format(minutes=_MINUTES)
    parser = argparse.ArgumentParser(
        prog="python -m smoke", description=about, formatter_class=formatter
    )
    parser.add_argument("--stage", required=True)
    parser.add_argument("--only", default="", help="only checks whose names begin so")
    parser.add_argument("--list", action="store_true", help="only the names of all checks")
    return parser
