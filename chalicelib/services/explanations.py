"""Why a run or a job stands where it stands, with the last words of what failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from chalicelib.core.advising import Advice, advise_job, advise_run, advise_untold, words_about
from chalicelib.core.batch import MAX_ATTEMPT_LOG_LINES, JobDetail
from chalicelib.core.explaining import Cause, Circumstances, explain_job, explain_run, untold
from chalicelib.core.lifecycle import JobStatus
from chalicelib.core.run import Run, RunHeader
from chalicelib.services.logs import newest_attempt
from chalicelib.services.overview import driver_failure
from chalicelib.services.served import Served

_LOGS = 3  # failed jobs whose last lines are shown
_ADVISED = 3  # jobs with commands of their own when a run is explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, and the last lines of the jobs that failed, by name; of an array of `JOB:CHILD`."""

    header: RunHeader
    cause: Cause
    logs: dict[str, tuple[str, ...]]
    advice: list[Advice]


def explain(served: Served, run_id: str, name: str = "") -> Explanation:
    """Explain a run, or one job of it. Raises NotFoundError for a run there is not."""
    run = served.ports.runs.load_run(run_id)

    def tell(around: Circumstances) -> Cause:
        return explain_job(run, name, around) if name else explain_run(run, around)

    failure = driver_failure(served.ports, run.header)
    is_driven = failure is None and served.holder() is not None
    around = Circumstances(now=served.ports.clock(), driven=is_driven)
    # Told twice: only the first telling shows of which jobs the queue must be asked.
    told = list(dict.fromkeys(_jobs_of(tell(around))))
    details = _details(served, [run.states[job].job_id for job in told])
    children = {
        job_id: found
        for job_id, detail in details.items()
        if (found := _failed_children(served, detail))
    }
    cause = tell(replace(around, details=details, failed_children=children))
    logs = {}
    for job in [job for job in told if run.states[job].status is JobStatus.FAILED][:_LOGS]:
        job_id = run.states[job].job_id
        child = f":{children[job_id][0]}" if job_id in children else ""
        lines = _last_lines(served, job_id + child, details) if job_id else ()
        if lines:
            logs[job + child] = lines
    return Explanation(run.header, cause, logs, _advice(run, name, told, logs))


def _details(served: Served, job_ids: Iterable[str]) -> dict[str, JobDetail]:
    known = [job_id for job_id in job_ids if job_id]
    found = served.peek_details(known) if known else []
    return {detail.job_id: detail for detail in found}


def _jobs_of(cause: Cause) -> Iterator[str]:
    if cause.job:
        yield cause.job
    for below in cause.because:
        yield from _jobs_of(below)


def _failed_children(served: Served, detail: JobDetail) -> list[int]:
    """The indexes of an array job's children that failed, in order."""
    summary = detail.array_summary or {}
    if not summary.get(JobStatus.FAILED):
        return []
    ids = [f"{detail.job_id}:{index}" for index in range(sum(summary.values()))]
    children = _details(served, ids).values()
    return sorted(
        int(child.job_id.rpartition(":")[2])
        for child in children
        if child.status is JobStatus.FAILED
    )


def _last_lines(served: Served, job_id: str, details: dict[str, JobDetail]) -> tuple[str, ...]:
    detail = details.get(job_id) or _details(served, [job_id]).get(job_id)
    attempt = newest_attempt(detail) if detail else 1
    return served.logs.tail(job_id, attempt, MAX_ATTEMPT_LOG_LINES).lines


def _advice(run: Run, name: str, told: list[str], logs: Iterable[str]) -> list[Advice]:
    header = run.header
    own = advise_job(header, name, run.states[name].status) if name else advise_run(header)
    roots = [job for job in told if job != name and _needs_somebody(run, job)]
    # What upstream has stopped is helped upstream.
    is_stopped = bool(roots) and bool(name)
    advice = [] if is_stopped else own
    untold_of = dict.fromkeys(source for job in told for source in untold(run, job))
    advice = [*advise_untold(header, untold_of), *advice]
    for job in roots[:_ADVISED]:
        each = advise_job(header, job, run.states[job].status)
        advice += each if len(roots) == 1 else each[:1]
    started = (job for job in told if run.states[job].started_at)
    logged = next(iter(logs), "") or next(started, "")
    if logged:
        parent = logged.rpartition(":")[0] if logged not in run.states else logged
        advice.append(
            Advice(words_about(logged, ("logs",)), "everything it wrote", parent, header.run_id)
        )
    return [*advice, *advise_run(header), *own] if is_stopped else advice


def _needs_somebody(run: Run, job: str) -> bool:
    return run.states[job].status in (JobStatus.FAILED, JobStatus.NOTFOUND, JobStatus.HELD)
