"""Each request for remote work fails in each way: one work is begun, and it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fetch_and_run.exits import Exit
from tests.jobs.containers import Containers, DeadError, Ended, containers
from tests.jobs.glue_service import Glue
from tests.jobs.state_machines import ARN, StateMachines
from tests.strict.answers import Fault

FAULTS = (
    Fault.LOST_REPLY,
    Fault.LOST_ON_THE_WAY,
    Fault.THROTTLE,
    Fault.SERVER_ERROR,
    Fault.SERVER_ERROR_AFTER,
)
TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind before its service: what it is asked, and what the service has begun."""

    containers: Containers
    words: tuple[str, ...]
    begun: Callable[[], int]
    going: Callable[[], bool]

    def run_to_its_end(self) -> Ended:
        while True:
            try:
                return self.containers.run(*self.words)
            except DeadError:
                continue


@contextmanager
def glue(directory: Path, target: str, name: str) -> Iterator[Kind]:
    made_for: list[Glue] = []

    def made(clock: Any) -> Glue:
        made_for.append(Glue(clock, lasts=8, lag=5, most=100))
        return made_for[0]

    with containers(directory, glue=made) as there:
        [service] = made_for
        works = service.runs if target == "--job" else service.crawls
        yield Kind(
            there,
            ("glue", target, name),
            begun=lambda: len(works),
            going=lambda: any(service.goes_on(work) for work in works),
        )


@contextmanager
def state_machine(directory: Path) -> Iterator[Kind]:
    made_for: list[StateMachines] = []

    def made(clock: Any) -> StateMachines:
        made_for.append(StateMachines(clock, lasts=8, lag=5))
        return made_for[0]

    with containers(directory, stepfunctions=made) as there:
        [service] = made_for
        yield Kind(
            there,
            ("stepfunctions", "--state-machine", f"{ARN}:stateMachine:nightly"),
            begun=lambda: len(service.executions),
            going=lambda: bool(service.running()),
        )


KINDS: dict[str, Callable[[Path], Any]] = {
    "job": lambda directory: glue(directory, "--job", "load"),
    "crawler": lambda directory: glue(directory, "--crawler", "lake"),
    "machine": state_machine,
}


@pytest.mark.prove
@pytest.mark.parametrize("fault", [*FAULTS, "terminate", "die"])
@pytest.mark.parametrize("name", KINDS)
def test_whatever_becomes_of_any_request_one_work_is_begun(
    tmp_path: Path, name: str, fault: Fault | str
) -> None:
    with KINDS[name](tmp_path / "undisturbed") as kind:
        assert kind.run_to_its_end().code == Exit.OK
        requests = len(kind.containers.aws.calls)
    for index in range(requests):
        with KINDS[name](tmp_path / str(index)) as kind:
            match fault:
                case "terminate":
                    kind.containers.terminate_at(index)
                case "die":
                    kind.containers.die_at(index)
                case Fault():
                    kind.containers.fail({index: fault})

            check(name, kind, kind.run_to_its_end(), index)


def check(name: str, kind: Kind, ended: Ended, index: int) -> None:
    assert kind.begun() <= 1
    match ended.code:
        case Exit.OK:
            assert kind.begun() == 1
            assert not kind.going()
        case code if code == TERMINATED:
            assert not kind.going()
        case Exit.UNKNOWN:
            # The crawler's two requests of a start: nobody can tell who has begun a crawl.
            assert (name, index in (0, 1)) == ("crawler", True)
        case code:
            raise AssertionError(f"{code}: {ended.err}")
