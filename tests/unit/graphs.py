"""Random graphs of jobs, and an oracle of what they allow that shares no code with the core."""

from collections.abc import Collection, Mapping
from datetime import datetime

from hypothesis import strategies as st

from chalicelib.core.run import Run, RunHeader
from chalicelib.core.schedule import JobSpec, RetryPolicy, TriggerRule
from tests.unit.runs import REQUEST, header

DONE = {"SUCCEEDED", "PASS", "SKIPPED"}
BROKEN = {"FAILED", "UPSTREAM_FAILED", "NOTFOUND"}
ENDED = DONE | BROKEN | {"CANCELLED"}
IN_QUEUE = {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}

_RULES = st.sampled_from([TriggerRule.ALL_SUCCEEDED] * 3 + list(TriggerRule))
_RETRIES = st.sampled_from([None, None, RetryPolicy(attempts=2, delay_seconds=10)])


@st.composite
def job_lists(draw: st.DrawFn, *, gates: bool = True) -> list[JobSpec]:
    """Up to six main jobs named by one letter each, then up to two finally jobs."""
    specs: list[JobSpec] = []
    main = "abcdef"[: draw(st.integers(1, 6))]
    for name in main + "yz"[: draw(st.integers(0, 2))]:
        is_finally = name in "yz"
        above = [] if is_finally else draw(st.lists(st.sampled_from(main), unique=True))
        upstream = tuple(up for up in above if up < name)
        kind = draw(st.sampled_from(["job", "job", "job", "gate", "held", "passed"]))
        kind = kind if gates else "job"
        specs.append(
            JobSpec(
                name=name,
                upstream=upstream,
                trigger_rule=TriggerRule.ALL_DONE if is_finally else draw(_RULES),
                is_finally=is_finally,
                hold=kind in ("gate", "held"),
                passed=kind == "passed",
                retry=draw(_RETRIES),
                runnable_timeout=draw(st.sampled_from([None, None, 60])) if gates else None,
                request={} if kind == "gate" else REQUEST,
            )
        )
    return specs


headers: st.SearchStrategy[RunHeader] = st.builds(
    lambda stop, most: header(stop=stop, max_concurrency=most),
    st.booleans(),
    st.sampled_from([None, None, 1, 2]),
)


def upstream_of(specs: Mapping[str, JobSpec], name: str) -> list[str]:
    spec = specs[name]
    if spec.is_finally and not spec.upstream:
        return [other for other in specs if not specs[other].is_finally]
    return list(spec.upstream)


def lets_go(rule: TriggerRule, above: Collection[str]) -> bool:
    """Say whether a rule is met for good by final statuses, or by some of them."""
    match rule.value:
        case "all succeeded":
            return all(status in DONE for status in above)
        case "all done":
            return all(status in ENDED for status in above)
        case "none failed":
            return all(status in ENDED - BROKEN for status in above)
        case "any succeeded":
            return not above or any(status in DONE for status in above)
        case _:
            return any(status in BROKEN for status in above)


def may_be_handed_over(run: Run, name: str, depends_on: tuple[str, ...], now: datetime) -> bool:
    """Say whether the queue may have a job now, told to wait for those queue's jobs."""
    spec, state = run.specs[name], run.states[name]
    policy = run.header.policy
    broken = any(
        state.status in BROKEN and not run.specs[other].is_finally
        for other, state in run.states.items()
    )
    if run.header.cancelling or (policy.on_failure == "stop" and broken and not spec.is_finally):
        return False
    if state.status != "WAITING" or not spec.request or (state.not_before or now) > now:
        return False
    above = upstream_of(run.specs, name)
    told = {run.states[up].job_id: up for up in above if is_told_of(run, up)}
    if not set(depends_on) <= set(told) or (depends_on and spec.trigger_rule != "all succeeded"):
        return False
    # To the queue's own rule, what it was told to wait for will have succeeded.
    waited_for = {told[job_id] for job_id in depends_on}
    return lets_go(
        spec.trigger_rule,
        ["SUCCEEDED" if up in waited_for else run.states[up].status for up in above],
    )


def told_upstream(run: Run, name: str) -> tuple[str, ...]:
    """The queue's ids of what is unfinished above a job, if they are what it waits for."""
    above = [run.states[up] for up in upstream_of(run.specs, name)]
    if run.specs[name].trigger_rule != "all succeeded":
        return ()
    return tuple(state.job_id for state in above if state.status in IN_QUEUE)


def is_told_of(run: Run, name: str) -> bool:
    """Say whether the queue's next word on a job's attempt is the run's last word on it."""
    state, retry = run.states[name], run.specs[name].retry
    last = retry is None or state.failures >= retry.attempts - 1
    return state.status in IN_QUEUE and not state.intent and last


def predict(specs: Mapping[str, JobSpec], failing: Collection[str]) -> dict[str, str]:
    """How every job ends if nobody interferes and exactly the jobs of `failing` fail."""
    ends: dict[str, str] = {}
    for name, spec in specs.items():
        above = [ends[up] for up in upstream_of(specs, name)]
        if spec.passed:
            ends[name] = "PASS"
        elif lets_go(spec.trigger_rule, above):
            ran = "FAILED" if name in failing else "SUCCEEDED"
            ends[name] = ran if spec.request else "PASS"
        else:
            ends[name] = "SKIPPED" if spec.trigger_rule == "any failed" else "UPSTREAM_FAILED"
    return ends
