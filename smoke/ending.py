"""What AWS Batch does when jobs are cancelled and terminated."""

from collections.abc import Generator

from botocore.exceptions import ClientError

from chalicelib.aws.batch_replies import detail_of
from chalicelib.aws.translation import code_of
from chalicelib.core.folding import has_started
from smoke.checks import Finding, check, judged
from smoke.jobs import UNKNOWN, first
from smoke.trial import Trial

Steps = Generator[None, None, Finding]

_REASON = "ended by the smoke test"
_LEFT_ALONE = 20.0  # s after which a cancel that does nothing is believed to have done nothing


@check("batch-cancel-unstarted")
def cancel_unstarted(trial: Trial) -> Steps:
    upstream = trial.job("in-the-way", "sleep 840")
    job_id = trial.job("unstarted", upstream=(upstream,))
    yield from trial.reached(job_id, ("PENDING",))
    trial.ports.queue.cancel(job_id, _REASON)
    yield from trial.rest(_LEFT_ALONE)
    described = trial.described(job_id) or {}
    when = "at once" if described.get("status") == "FAILED" else "once its upstream job had ended"
    trial.ports.queue.terminate(upstream, _REASON)
    ended = yield from trial.ended(job_id)
    holds = ended["status"] == "FAILED" and not has_started(detail_of(ended))
    return judged(f"FAILED {when}: {ended.get('statusReason')}", holds=holds)


@check("batch-cancel-running")
def cancel_running(trial: Trial) -> Steps:
    job_id = trial.job("running", "sleep 840")
    yield from trial.reached(job_id, ("RUNNING",))
    trial.ports.queue.cancel(job_id, _REASON)
    yield from trial.rest(_LEFT_ALONE)
    status = (trial.described(job_id) or {}).get("status")
    trial.ports.queue.terminate(job_id, _REASON)
    return judged(f"{status} {_LEFT_ALONE:.0f} s later", holds=status == "RUNNING")


@check("batch-terminate-running")
def terminate_running(trial: Trial) -> Steps:
    job_id = trial.job("terminated", "sleep 840")
    yield from trial.reached(job_id, ("RUNNING",))
    trial.ports.queue.terminate(job_id, _REASON)
    ended = yield from trial.ended(job_id)
    reason, code = ended.get("statusReason", ""), ended["container"].get("exitCode")
    holds = ended["status"] == "FAILED" and _REASON in reason and has_started(detail_of(ended))
    return judged(f"{ended['status']}: {reason}, exit {code}", holds=holds)


@check("batch-terminate-ended")
def terminate_ended(trial: Trial) -> Steps:
    job_id = first(trial)
    ended = yield from trial.ended(job_id)
    trial.ports.queue.terminate(job_id, _REASON)
    again = trial.described(job_id) or {}
    holds = again.get("status") == ended["status"]
    return judged(f"{again.get('status')} as before", holds=holds)


@check("batch-terminate-unknown")
def terminate_unknown(trial: Trial) -> Steps:
    yield
    try:
        trial.clients["batch"].terminate_job(jobId=UNKNOWN, reason=_REASON)
    except ClientError as error:
        answer, holds = code_of(error), code_of(error) == "ClientException"
    else:
        answer, holds = "no error", True
    trial.ports.queue.terminate(UNKNOWN, _REASON)  # what we make of it raises nothing
    return judged(answer, holds=holds)
