"""A real process of batch-job that follows remote work, and gets SIGTERM."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.jobs.containers import WHO, containers
from tests.jobs.state_machines import ARN, StateMachines

ROOT = Path(__file__).parents[2]


def test_sigterm_stops_the_execution_that_a_process_follows_and_ends_it_with_143(
    tmp_path: Path,
) -> None:
    made_for: list[StateMachines] = []

    def machines(clock: Any) -> StateMachines:
        made_for.append(StateMachines(clock))  # its clock stands still: it runs on
        return made_for[0]

    with containers(tmp_path, stepfunctions=machines) as made:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fetch_and_run.main", "stepfunctions"),
                *("--state-machine", f"{ARN}:stateMachine:nightly"),
            ],
            env={
                "PYTHONPATH": str(ROOT),
                "AWS_ENDPOINT_URL": made.endpoint.url,
                "AWS_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "BATCH_SCHEDULER_RUN": WHO.run,
                "BATCH_SCHEDULER_JOB": WHO.job,
                "BATCH_SCHEDULER_ATTEMPT": str(WHO.attempt),
                "AWS_BATCH_JOB_ID": WHO.owner,
                "BATCH_SCHEDULER_CLAIMS": f"directory:{tmp_path}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert "state machine nightly: begun" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

        assert process.returncode == 143, err
        assert not made_for[0].running()
        assert "was cancelled: was stopped, for SIGTERM came" in err.splitlines()[-1]
        assert made.claim().remote["execution"].endswith(WHO.token)
