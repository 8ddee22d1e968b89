"""What a shape tells, read back: the same shape again, whatever it was made of."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access import Role
from chalicelib.core.advising import Advice
from chalicelib.core.explaining import Cause
from chalicelib.core.granting import TokenRecord
from chalicelib.core.lifecycle import Act, JobStatus, RunStatus
from chalicelib.core.operating import Operation, operate
from chalicelib.core.restarting import plan_restart
from chalicelib.core.run import Event, Intent, JobState, RunHeader
from chalicelib.core.schedule import JobSpec, OnFailure, Policy, TriggerRule
from chalicelib.core.timing.agenda import Pause, ScheduleAct, ScheduleEvent
from chalicelib.core.timing.trigger import FireTime
from chalicelib.ports import JobRecord, StoredSchedule
from chalicelib.remote import decoding, timing_decoding
from chalicelib.services import shapes, timing_shapes
from chalicelib.services.triggers import Broken, LookAhead, Upcoming
from chalicelib.services.waiting_starts import Dropped, Waiting
from chalicelib.timing_ports import StoredCalendar
from tests.unit.runs import NOW, order, run_of, spec

TEXTS = st.text(max_size=8)
SOME = st.text(min_size=1, max_size=8)
TIMES = st.integers(0, 10**12).map(lambda number: NOW + timedelta(microseconds=number))
MAYBE = st.none() | TIMES
NUMBERS = st.integers(0, 9)
NAMES = st.lists(SOME, max_size=3).map(tuple)
HEADERS = st.builds(
    RunHeader,
    run_id=SOME,
    schedule_id=SOME,
    started_at=TIMES,
    made_at=MAYBE,
    ended_at=MAYBE,
    status=st.sampled_from(RunStatus),
    generation=NUMBERS,
    schedule_version=NUMBERS,
    schedule_digest=TEXTS,
    schedule_name=TEXTS,
    policy=st.builds(
        Policy,
        on_failure=st.sampled_from(OnFailure),
        max_concurrency=st.none() | NUMBERS,
        wait_time=NUMBERS,
    ),
    parameters=st.dictionaries(SOME, TEXTS | NUMBERS | st.booleans(), max_size=2),
    started_by=TEXTS,
    reason=TEXTS,
    cancelling=TEXTS,
    working_directory=TEXTS,
    driver=TEXTS,
    handovers=NUMBERS,
    archive=TEXTS,
    expires_at=MAYBE,
    counts=st.dictionaries(st.sampled_from(JobStatus).map(str), st.integers(1, 9), max_size=3),
)
SPECS = st.builds(
    JobSpec,
    name=SOME,
    upstream=NAMES,
    trigger_rule=st.sampled_from(TriggerRule),
    is_finally=st.booleans(),
    hold=st.booleans(),
    description=TEXTS,
    request=st.dictionaries(SOME, TEXTS | NUMBERS, max_size=2),
)
STATES = st.builds(
    JobState,
    status=st.sampled_from(JobStatus),
    attempt=NUMBERS,
    job_id=TEXTS,
    intent=st.sampled_from(Intent),
    not_before=MAYBE,
    started_at=MAYBE,
    stopped_at=MAYBE,
    exit_code=st.none() | NUMBERS,
    reason=TEXTS,
)
CAUSES = st.recursive(
    st.builds(Cause, TEXTS, TEXTS, TEXTS, facts=NAMES, more=NUMBERS),
    lambda below: st.builds(
        Cause, TEXTS, TEXTS, TEXTS, st.lists(below, max_size=2).map(tuple), NAMES, NUMBERS
    ),
    max_leaves=5,
)


def sent(shape: Any) -> Any:
    """The shape after its way over the wire."""
    return json.loads(json.dumps(shape))


@given(HEADERS)
def test_a_run(header: RunHeader) -> None:
    shape = shapes.run_shape(header)
    assert shapes.run_shape(decoding.header_of(sent(shape))) == shape


@given(st.builds(JobRecord, spec=SPECS, state=STATES, position=NUMBERS))
def test_a_job_that_is_told_whole(record: JobRecord) -> None:
    read = decoding.record_of(sent(shapes.whole_job_shape(record)))
    assert read == record


@given(
    st.builds(
        Event,
        sequence=NUMBERS,
        at=TIMES,
        job=TEXTS,
        act=TEXTS,
        before=TEXTS,
        after=TEXTS,
        attempt=NUMBERS,
        job_id=TEXTS,
        actor=TEXTS,
        reason=TEXTS,
        exit_code=st.none() | NUMBERS,
    )
)
def test_a_line_of_history(event: Event) -> None:
    assert decoding.event_of(sent(shapes.event_shape(event))) == event


@given(
    st.builds(
        StoredSchedule,
        schedule_id=SOME,
        version=NUMBERS,
        digest=TEXTS,
        document=st.just('{"scheduleId": "a"}'),
        stored_at=TIMES,
        stored_by=TEXTS,
        name=TEXTS,
        jobs=NUMBERS,
    )
)
def test_a_version_of_a_schedule(stored: StoredSchedule) -> None:
    shape = {**shapes.schedule_shape(stored), "document": json.loads(stored.document)}
    assert decoding.schedule_of(sent(shape)) == stored


@given(CAUSES)
def test_an_explanation(cause: Cause) -> None:
    assert decoding.cause_of(sent(shapes.cause_shape(cause))) == cause


@given(NAMES, TEXTS, TEXTS, SOME)
def test_a_command_that_is_possible(
    words: tuple[str, ...], effect: str, job: str, run_id: str
) -> None:
    advice = Advice(words, effect, job, run_id if job else "")
    [shape] = shapes.advice_shape([advice])
    assert decoding.advice_of(sent(shape), run_id) == advice


def test_what_a_verb_did_to_jobs_and_what_a_restart_would_do() -> None:
    run = run_of(spec("a"), spec("b"), spec("c"), a=JobStatus.RUNNABLE, b=JobStatus.FAILED)
    done = operate(run, ["a", "b"], order(Act.HOLD))
    shape = sent(shapes.operation_shape(done))
    changes = tuple(decoding.change_of(each, run.header) for each in shape["changed"])
    again = Operation(changes=changes, refusals=done.refusals, header=run.header)
    assert sent(shapes.operation_shape(again)) == shape
    assert [change.after.intent for change in changes] == [Intent.HOLD]
    plan = plan_restart(run, order(Act.RESTART))
    told = sent(shapes.restart_shape(plan))
    assert shapes.restart_shape(decoding.plan_of(told, plan.header)) == told


@given(
    st.builds(
        TokenRecord,
        id=SOME,
        digest=st.just(""),
        name=SOME,
        role=st.sampled_from(Role),
        scopes=NAMES,
        created_at=TIMES,
        created_by=TEXTS,
        expires_at=TIMES,
        revoked_at=MAYBE,
        revoked_by=TEXTS,
        last_used_at=MAYBE,
    )
)
def test_a_token(record: TokenRecord) -> None:
    assert decoding.token_of(sent(shapes.token_shape(record, NOW))) == record


@given(
    st.lists(
        st.builds(
            Upcoming, TEXTS, TEXTS, st.builds(FireTime, at=TIMES, local=TIMES, note=TEXTS), TIMES
        ),
        max_size=3,
    ),
    st.lists(st.builds(Broken, TEXTS, TEXTS, TEXTS), max_size=2),
    st.none() | st.builds(Pause, actor=TEXTS, at=TIMES, reason=TEXTS),
    st.lists(
        st.builds(
            Waiting,
            run_id=SOME,
            trigger=TEXTS,
            actor=TEXTS,
            not_before=TIMES,
            until=MAYBE,
            reason=TEXTS,
        ),
        max_size=2,
    ),
)
def test_fire_times_a_pause_and_starts_that_wait(
    found: list[Upcoming], broken: list[Broken], pause: Pause | None, waiting: list[Waiting]
) -> None:
    shape = timing_shapes.next_shape("etl", pause, LookAhead(found, broken), waiting)
    ahead = timing_decoding.ahead_of(sent(shape))
    assert timing_shapes.next_shape("etl", ahead.pause, ahead.found, ahead.waiting) == shape
    assert timing_decoding.pause_of(sent(timing_shapes.paused_shape("etl", pause))) == pause


@given(
    st.builds(
        ScheduleEvent,
        act=st.sampled_from(ScheduleAct),
        at=TIMES,
        actor=TEXTS,
        reason=TEXTS,
        run_id=TEXTS,
    )
)
def test_what_people_did_to_a_schedule_and_a_start_that_was_taken_away(
    event: ScheduleEvent,
) -> None:
    shape = timing_shapes.schedule_event_shape(event)
    assert timing_decoding.event_of(sent(shape)) == event
    dropped = Dropped("etl/1", event)
    assert timing_decoding.dropped_of(sent(timing_shapes.dropped_shape(dropped))) == dropped


@given(
    st.builds(
        StoredCalendar,
        name=SOME,
        revision=st.integers(1, 9),
        document=st.just('{"name": "de"}'),
        stored_at=TIMES,
        stored_by=TEXTS,
    )
)
def test_a_calendar(stored: StoredCalendar) -> None:
    shape = timing_shapes.calendar_shape(stored)
    assert timing_decoding.calendar_of(sent(shape)) == stored
