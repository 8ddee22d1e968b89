"""Where the log of a job is, and the part of it that is asked for."""

import pytest

from chalicelib.core.batch import AttemptDetail
from chalicelib.core.claims import Told
from chalicelib.core.lifecycle import Act, JobStatus
from chalicelib.core.run import Change, JobState
from chalicelib.core.schedule import Reference, RetryPolicy
from chalicelib.errors import InvalidInputError, NotFoundError
from chalicelib.services.explanations import explain
from chalicelib.services.finding import get_job, history_of
from chalicelib.services.logs import LogRequest, LogSource, log_source, read_log
from chalicelib.services.overview import nodes_of_run
from chalicelib.services.shapes import explanation_shape, log_part_shape
from tests.unit.runs import NOW, described, spec, state
from tests.unit.served import MemoryEdition
from tests.unit.stores import record_run
from tests.unit.telling import REQUEST, Driving

J = JobStatus
RUN = "etl/2026"


def edition() -> MemoryEdition:
    """`load` is in its second attempt, `many` is an array of three, `late` never ran."""
    made = MemoryEdition()
    array = spec("many", request={"arrayProperties": {"size": 3}})
    record_run(
        made.ports,
        spec("load"),
        array,
        spec("late", "load"),
        load=state("load", J.FAILED),
        many=state("many", J.FAILED),
        late=state("late", J.UPSTREAM_FAILED),
    )
    made.written.lines["id-load", 1] = ["one", "two", "three"]
    made.written.lines["id-many:1", 1] = ["child"]
    return made


def run_again(made: MemoryEdition) -> None:
    """A second attempt of `load` in the queue."""
    run = made.ports.runs.load_run(RUN)
    states = [
        run.states["load"],
        state("load", J.WAITING, version=1),
        state("load", J.RESERVED, version=2, attempt=2),
        state("load", J.RUNNING, version=3, attempt=2, job_id="id-2"),
    ]
    acts = [Act.RERUN, Act.RESERVE, Act.ACCEPT]
    for before, after, act in zip(states, states[1:], acts, strict=False):
        made.ports.runs.record(run.header, [Change("load", act, before, after, NOW)])


def test_a_part_of_a_log_is_read_from_an_offset_on_or_from_its_end() -> None:
    made = edition()
    part = read_log(made, RUN, LogRequest(job="load", offset=1))
    assert (part.lines, part.offset) == (("two", "three"), 3)
    assert read_log(made, RUN, LogRequest(job="load", tail=1)).lines == ("three",)
    assert log_part_shape(part)["hasEnded"]
    shape = log_part_shape(read_log(made, RUN, LogRequest(job="late")))
    assert (shape["exists"], shape["lines"], shape["nextOffset"]) == (False, [], None)


def test_all_lines_or_the_last_ones_are_given() -> None:
    source = log_source(edition(), RUN, "load")
    place = source.place()
    assert place is not None
    assert list(source.lines(place, 0)) == ["one", "two", "three"]
    assert list(source.lines(place, 2)) == ["two", "three"]
    assert list(source.lines(place, 0, 2)) == ["three"]


def test_a_child_of_an_array_has_a_log_of_its_own() -> None:
    made = edition()
    source = log_source(made, RUN, "many:1")
    assert (source.name, source.children) == ("many", 0)
    assert read_log(made, RUN, LogRequest(job="many:1")).lines == ("child",)
    assert log_source(made, RUN, "many").children == 3
    with pytest.raises(NotFoundError, match="from 0 to 2"):
        log_source(made, RUN, "many:3")
    assert log_source(made, RUN, "load:3").place() is None


def test_a_job_that_is_not_there_is_not_found() -> None:
    made = edition()
    with pytest.raises(NotFoundError, match="Did you mean 'load'"):
        log_source(made, RUN, "laod")
    with pytest.raises(NotFoundError, match="has 3 jobs"):
        log_source(made, RUN, "xyz:1")
    with pytest.raises(NotFoundError):
        history_of(made.ports, RUN, "laod")
    assert [event.act for event, _ in history_of(made.ports, RUN)] == ["START"]
    assert history_of(made.ports, RUN, "load") == []
    assert get_job(made.ports, RUN, "load").position == 0


def test_the_attempt_that_is_named_is_meant() -> None:
    made = edition()
    run_again(made)
    assert log_source(made, RUN, "load").place() is None  # it has written nothing yet
    made.written.lines["id-2", 2] = ["again"]
    second = log_source(made, RUN, "load", "2.2").place()
    assert second is not None
    assert (second.attempt, second.queue_attempt, second.job_id) == (2, 2, "id-2")
    with pytest.raises(NotFoundError):
        log_source(made, RUN, "load", "1").place()  # no event of ours tells of its id
    run = made.ports.runs.load_run(RUN)
    third = state("load", J.STARTING, version=4, attempt=3, job_id="id-3")
    change = Change("load", Act.OBSERVE, run.states["load"], third, NOW)
    made.ports.runs.record(run.header, [change])
    assert log_source(made, RUN, "load", "2.2").place() == second
    with pytest.raises(NotFoundError, match="load has had 3"):
        log_source(made, RUN, "load", "7").place()
    with pytest.raises(InvalidInputError, match="no attempt"):
        log_source(made, RUN, "load", "x")


def test_the_newest_of_the_queues_own_attempts_is_meant() -> None:
    made = edition()
    ended = AttemptDetail(started_at=NOW, stopped_at=NOW, exit_code=1)
    made.written.lines["id-load", 3] = ["third"]
    assert read_log(made, RUN, LogRequest(job="load")).lines == ("third",)  # forgotten: looked for
    made.details["id-load"] = described("id-load", J.RUNNING, attempts=(ended,))
    made.written.lines["id-load", 2] = ["second"]
    assert read_log(made, RUN, LogRequest(job="load")).lines == ("second",)
    del made.written.lines["id-many:1", 1]
    assert log_source(made, RUN, "many:1").place() is None


def test_a_log_ends_with_its_attempt_and_may_be_forgotten() -> None:
    made = edition()
    source = log_source(made, RUN, "load")
    assert (source.has_ended(), source.is_forgotten()) == (True, True)
    run_again(made)
    assert not source.has_ended()
    assert log_source(made, RUN, "load", "1").has_ended()
    made.driver = None
    assert not source.has_ended()  # nobody knows
    made.details["id-2"] = described("id-2", J.FAILED)
    assert (source.has_ended(), source.is_forgotten()) == (True, False)
    child = LogSource(made, RUN, ("many", "1"), "")
    assert child.has_ended()


def test_what_failed_is_explained_with_its_last_words() -> None:
    made = edition()
    whole = explain(made, RUN)
    assert whole.logs == {"load": ("one", "two", "three")}
    made.details["id-many"] = described(
        "id-many", J.FAILED, array_summary={J.FAILED: 1, J.RUNNING: 2}
    )
    for number, status in enumerate((J.RUNNING, J.FAILED, J.RUNNING)):
        made.details[f"id-many:{number}"] = described(f"id-many:{number}", status)
    made.written.lines["id-many:1", 1] = ["child"]
    assert explain(made, RUN).logs["many:1"] == ("child",)
    why = explain(made, RUN, "late")
    shape = explanation_shape(why)
    assert shape["cause"]["jobName"] == "late"
    assert any(each["command"].startswith("batch-scheduler rerun") for each in shape["possible"])
    alone = explain(made, RUN, "load")
    assert alone.advice[0].words[0] == "rerun"
    del made.written.lines["id-load", 1]
    made.details["id-load"] = described("id-load", J.FAILED, array_summary={J.SUCCEEDED: 1})
    made.details["id-many"] = described("id-many", J.SUCCEEDED, array_summary={J.SUCCEEDED: 3})
    assert "load" not in explain(made, RUN).logs


def test_a_run_that_stands_well_has_nothing_to_read() -> None:
    made = MemoryEdition()
    record_run(made.ports, spec("a"), a=state("a", J.FAILED, job_id=""))
    found = explain(made, RUN)
    assert found.logs == {}
    assert found.advice


def test_a_job_that_lacks_an_output_is_helped_at_the_job_that_did_not_tell_it() -> None:
    made = MemoryEdition()
    reads = (Reference("a", "rows"), Reference("a", "lines"))
    why = JobState(status=J.FAILED, reason='output "rows" of "a" is missing')
    record_run(made.ports, spec("a"), spec("b", "a", reads=reads), a=J.SUCCEEDED, b=why)
    for name in ("b", ""):
        [first, *_] = explain(made, RUN, name).advice
        assert (first.words, first.job) == (("rerun", "--downstream", "a"), "a")


def test_the_history_of_a_job_has_what_it_told_at_its_end() -> None:
    driving = Driving(("a",))
    driving.begin(spec("a", request=REQUEST, retry=RetryPolicy(attempts=2)))
    driving.tell("a", outputs={"rows": "first"})
    driving.pass_time()
    driving.tell("a", outputs={"rows": "second"})
    driving.pass_time()
    found = [(event.act, told) for event, told in history_of(driving.ports, RUN, "a") if told]
    assert found == [("OBSERVE", Told(outputs={"rows": "second"}))]
    assert not any(told for _, told in history_of(driving.ports, RUN))


def test_a_run_is_drawn_with_its_statuses() -> None:
    made = edition()
    statuses = [each.status for each in nodes_of_run(made.ports, RUN)]
    assert statuses == ["FAILED", "FAILED", "UPSTREAM_FAILED"]


def test_a_part_tells_that_there_is_none_because_children_have_it_or_it_is_forgotten() -> None:
    made = edition()
    whole = log_part_shape(read_log(made, RUN, LogRequest(job="many")))
    assert (whole["exists"], whole["children"], whole["isForgotten"]) == (False, 3, True)
    late = log_part_shape(read_log(made, RUN, LogRequest(job="late")))
    assert (late["children"], late["isForgotten"]) == (0, False)
