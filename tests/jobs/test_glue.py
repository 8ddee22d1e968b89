"""`batch-job glue`, before a strict fake of Glue's job runs and crawlers."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from fetch_and_run.kinds.glue_jobs import OWN_ARGUMENT
from tests.jobs.containers import WHO, Containers, DeadError, Ended, containers
from tests.jobs.glue_service import Glue
from tests.strict.answers import Fault

TERMINATED = 143


class Account:
    """Glue, and the containers of one attempt that ask it."""

    def __init__(self, made: Containers, glue: Glue) -> None:
        self.containers = made
        self.glue = glue

    def run(self, *words: str) -> Ended:
        return self.containers.run("glue", *(words or ("--job", "load")))

    def run_to_its_end(self, *words: str) -> Ended:
        while True:
            try:
                return self.run(*words)
            except DeadError:
                continue

    def operations(self) -> list[str]:
        return [call.operation for call in self.containers.aws.calls]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made_for: list[Glue] = []

    def glue(clock: object) -> Glue:
        made_for.append(Glue(clock))  # type: ignore[arg-type]
        return made_for[0]

    with containers(tmp_path, glue=glue) as made:
        yield Account(made, made_for[0])


def test_a_job_runs_with_its_arguments_and_workers(account: Account) -> None:
    ended = account.run(
        *("--job", "load", "--argument", "day=2026-07-01", "--argument=--mode=full=1"),
        *("--worker-type", "G.1X", "--workers", "3", "--run-timeout", "60"),
    )

    assert ended.code == Exit.OK
    assert account.glue.runs[0].request == {
        "JobName": "load",
        "Arguments": {"--day": "2026-07-01", "--mode": "full=1", OWN_ARGUMENT: WHO.token},
        "WorkerType": "G.1X",
        "NumberOfWorkers": 3,
        "Timeout": 60,
    }


def test_the_last_line_has_the_reason_and_a_link_to_the_runs_log(account: Account) -> None:
    account.glue.ends, account.glue.error = "FAILED", "Table not found:\n sales"

    ended = account.run()

    assert ended.code == Exit.FAILED
    run = account.glue.runs[0].id
    assert ended.err.splitlines()[-1] == (
        "batch-job: Glue job load has failed: Table not found: sales; see "
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        f"#logsV2:log-groups/log-group/$252Faws-glue$252Fjobs$252Ferror/log-events/{run}"
    )


def test_the_claim_has_the_run_and_the_page_that_shows_it(account: Account) -> None:
    account.run()

    run = account.glue.runs[0].id
    assert (
        account.containers.claim().remote.items()
        >= {
            "run": run,
            "link": "https://eu-central-1.console.aws.amazon.com/gluestudio/home?region=eu-central-1"
            f"#/job/load/run/{run}",
        }.items()
    )


@pytest.mark.parametrize("state", ["ERROR", "TIMEOUT", "EXPIRED", "STOPPED"])
def test_every_end_but_success_is_a_failure(account: Account, state: str) -> None:
    account.glue.ends = state

    assert account.run().code == Exit.FAILED


def test_a_job_that_is_not_there_is_refused(account: Account) -> None:
    ended = account.run("--job", "lod")

    assert ended.code == Exit.NOT_STARTED
    assert "Glue answered EntityNotFoundException" in ended.err.splitlines()[-1]


def test_a_run_waits_until_those_before_it_have_made_room(account: Account) -> None:
    account.glue.begin("jr_other", {})

    ended = account.run()

    assert ended.code == Exit.OK
    assert "as many runs of it as it allows are under way" in ended.err
    assert len(account.glue.runs) == 2


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.SERVER_ERROR_AFTER])
def test_a_run_whose_start_was_not_heard_of_is_found_by_its_token(
    account: Account, fault: Fault
) -> None:
    account.glue.most, account.glue.lag = 1000, 30
    for number in range(250):
        account.glue.begin(f"jr_{number}", {OWN_ARGUMENT: str(number)})
    account.containers.fail_all("StartJobRun", fault)

    ended = account.run()

    assert ended.code == Exit.OK
    assert len(account.glue.runs) == 251
    assert account.operations().count("StartJobRun") == 1


def test_a_start_that_never_came_is_made_again_however_many_runs_there_are(
    account: Account,
) -> None:
    many(account)
    account.containers.clock.advance(600)
    account.glue.lag = 30
    account.containers.fail_all("StartJobRun", Fault.LOST_ON_THE_WAY)

    ended = account.run()

    assert ended.code == Exit.OK
    assert len(account.glue.runs) == 2002


def test_a_run_of_a_container_that_died_is_not_looked_for_for_ever(account: Account) -> None:
    account.containers.die_at(0)
    with pytest.raises(DeadError):
        account.run()
    many(account)
    account.containers.aws.done = None

    ended = account.run()

    assert ended.code == Exit.UNKNOWN
    assert "it is not among the newest 2000 runs of the job" in ended.err.splitlines()[-1]


def many(account: Account) -> None:
    """Let others begin more runs than are looked through."""
    account.glue.most = 10_000
    for number in range(2001):
        account.glue.begin(f"jr_{number}", {})


def test_a_signal_stops_the_run(account: Account) -> None:
    account.containers.terminate_at(2)

    ended = account.run()

    assert ended.code == TERMINATED
    assert account.operations().count("BatchStopJobRun") == 1
    assert "Glue job load was cancelled: was stopped, for SIGTERM came" in ended.err


def test_a_time_out_stops_the_run(account: Account) -> None:
    ended = account.run("--job", "load", "--timeout", "1m")

    assert ended.code == Exit.TIMED_OUT
    assert account.glue.runs[0].stopped_at is not None


def test_a_stop_that_comes_too_late_does_not_hide_a_success(account: Account) -> None:
    account.glue.lasts = 0
    account.containers.terminate_at(0)

    assert account.run().code == Exit.OK
    assert account.operations()[1] == "BatchStopJobRun"


def test_a_crawler_runs_and_tells_what_it_has_changed(account: Account) -> None:
    ended = account.run("--crawler", "lake")

    assert ended.code == Exit.OK
    assert '{"TABLE": {"ADD": 2}}' in ended.out
    assert ended.out.splitlines()[-1].endswith("crawlers/log-events/lake")


def test_a_crawler_that_runs_for_someone_else_is_waited_for_and_run_then(account: Account) -> None:
    account.glue.start_crawler({"Name": "lake"})
    account.containers.clock.advance(60)

    ended = account.run("--crawler", "lake")

    assert ended.code == Exit.OK
    assert "it is running already, for someone else" in ended.err
    assert len(account.glue.crawls) == 2


def test_only_the_crawl_of_the_attempt_counts(account: Account) -> None:
    account.glue.start_crawler({"Name": "lake"})
    account.containers.clock.advance(600)
    account.glue.ends, account.glue.error = "FAILED", "no access to the bucket"

    ended = account.run("--crawler", "lake")

    assert ended.code == Exit.FAILED
    assert "Glue crawler lake has failed: no access to the bucket" in ended.err


def test_the_crawl_of_someone_else_is_never_stopped(account: Account) -> None:
    def begin_another(call: object) -> None:
        if account.operations().count("ListCrawls") == 2:
            account.containers.clock.advance(600)
            account.glue.start_crawler({"Name": "lake"})
            os.kill(os.getpid(), signal.SIGTERM)

    account.containers.aws.done = begin_another

    ended = account.run("--crawler", "lake")

    assert "StopCrawler" not in account.operations()
    assert ended.code == Exit.OK
    assert account.glue.crawls[1].stopped_at is None


def test_a_signal_stops_the_crawl(account: Account) -> None:
    account.containers.terminate_at(3)

    ended = account.run("--crawler", "lake")

    assert ended.code == TERMINATED
    assert account.glue.crawls[0].stopped_at is not None


def test_a_crawl_whose_start_was_not_heard_of_is_left_to_a_person(account: Account) -> None:
    account.containers.fail_all("StartCrawler", Fault.LOST_REPLY)

    ended = account.run("--crawler", "lake")

    assert ended.code == Exit.UNKNOWN
    assert "Glue can't tell who began a crawl" in ended.err.splitlines()[-1]
    assert "#/v2/data-catalog/crawlers/view/lake" in ended.err.splitlines()[-1]
    assert len(account.glue.crawls) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "one of the arguments --job --crawler is required"),
        (("--crawler", "lake", "--argument", "a=b"), "a crawler has no arguments"),
        (("--job", "load", "--argument", "day"), "'day' is no argument; it would be key=value"),
        (("--job", "load", "--argument", "a=1", "--argument", "a=2"), "is there twice"),
        (("--job", "load", "--workers", "0"), "'0' is no whole number above 0"),
        (("--job", "load", "--timeout", "soon"), "'soon' is no time"),
        (("--job", "load", f"--argument={OWN_ARGUMENT}=1"), "is batch-job's own"),
    ],
)
def test_what_can_not_be_meant_is_a_usage_error(
    account: Account, words: tuple[str, ...], said: str
) -> None:
    ended = account.containers.run("glue", *words)

    assert ended.code == Exit.USAGE
    assert said in ended.err
    assert not account.operations()


def test_a_dry_run_tells_the_request_and_asks_nothing(account: Account) -> None:
    ended = account.run("--job", "load", "--argument", "day=1", "--dry-run")

    assert ended.code == Exit.OK
    assert json.loads(ended.out) == {
        "service": "glue",
        "operation": "StartJobRun",
        "parameters": {"JobName": "load", "Arguments": {"--day": "1", OWN_ARGUMENT: "<token>"}},
    }
    assert not account.operations()
