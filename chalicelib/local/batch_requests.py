"""What AWS Batch accepts: each request checked as its service does, and made compact.

A refusal is a BackendError whose reason begins with the name of Batch's exception.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.batch import DEFAULT_QUEUE, MAX_REASON
from chalicelib.errors import BackendError
from chalicelib.local.batch_records import N_TO_N, SEQUENTIAL, JobRequest, RetryRule, Upstream

MAX_UPSTREAM = 20  # dependsOn (service_limits)
MAX_DESCRIBED = 100  # API_DescribeJobs
_MAX_RULES = 5  # API_RetryStrategy
_MAX_PATTERN = 512  # API_EvaluateOnExit
_MIN_TIMEOUT = 60  # s (API_JobTimeout)
_MAX_ARRAY = 10_000  # API_ArrayProperties
_MAX_PRIORITY = 9999  # API_SubmitJob
_MAX_TAGS = 50  # API_SubmitJob

_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_MEMBERS = frozenset(
    {
        "jobName",
        "jobQueue",
        "jobDefinition",
        "shareIdentifier",
        "schedulingPriorityOverride",
        "arrayProperties",
        "dependsOn",
        "parameters",
        "containerOverrides",
        "retryStrategy",
        "propagateTags",
        "timeout",
        "tags",
    }
)
_SUBMIT = "SubmitJob"


def refused(operation: str, message: str) -> BackendError:
    """The error of a request that Batch will never take."""
    return BackendError("Batch", operation, f"ClientException: {message}", retryable=False)


def unavailable(operation: str, message: str) -> BackendError:
    """The error of a request that Batch can't take now."""
    return BackendError("Batch", operation, f"ServerException: {message}", retryable=True)


def parse_submit(request: Mapping[str, Any], working_directory: str = "") -> JobRequest:
    """Check one SubmitJob on its own. Raises BackendError (ClientException)."""
    if not request.keys() <= _MEMBERS:
        unknown = ", ".join(sorted(request.keys() - _MEMBERS))
        raise refused(_SUBMIT, f"parameters not known or not possible on one machine: {unknown}.")
    name = request.get("jobName")
    if not isinstance(name, str) or not _JOB_NAME.fullmatch(name):
        raise refused(
            _SUBMIT,
            f"Job name {name!r} must begin with a letter or a digit and have at most 128 "
            "letters, digits, hyphens and underscores.",
        )
    _check_tags(_mapping(request, "tags"))
    container = _mapping(request, "containerOverrides")
    array_size = _array_size(_mapping(request, "arrayProperties"))
    attempts, rules = _retries(_mapping(request, "retryStrategy"))
    needs = _needs(container)
    return JobRequest(
        job_name=name,
        job_queue=_text(request.get("jobQueue") or DEFAULT_QUEUE, "jobQueue"),
        job_definition=_text(request.get("jobDefinition") or "", "jobDefinition"),
        command=_command(container.get("command"), _mapping(request, "parameters")),
        environment=_environment(container.get("environment")),
        working_directory=_text(working_directory, "workingDirectory"),
        upstream=_upstream(request.get("dependsOn"), array_size),
        millicpus=round(needs.get("VCPU", 1.0) * 1000),
        memory_mib=round(needs.get("MEMORY", 0)),
        gpus=round(needs.get("GPU", 0)),
        attempts=attempts,
        retry_rules=rules,
        timeout=_timeout(_mapping(request, "timeout")),
        array_size=array_size,
        priority=_integer(
            request.get("schedulingPriorityOverride", 0),
            "schedulingPriorityOverride",
            0,
            _MAX_PRIORITY,
        ),
    )


def lacks_command(request: Mapping[str, Any]) -> str:
    """What keeps a request from running on one machine, which knows no registered definitions."""
    if request.get("containerOverrides", {}).get("command"):
        return ""
    return "a command, or a jobDefinition that the document gives under `jobDefinitions`"


def check_described(job_ids: object) -> list[str]:
    """The ids of a DescribeJobs. Raises BackendError (ClientException)."""
    if not isinstance(job_ids, list) or not all(isinstance(each, str) for each in job_ids):
        raise refused("DescribeJobs", "jobs must be a list of job ids.")
    if len(job_ids) > MAX_DESCRIBED:
        raise refused("DescribeJobs", f"at most {MAX_DESCRIBED} jobs, found {len(job_ids)}.")
    return job_ids


def check_reason(operation: str, reason: object) -> str:
    """The reason of a CancelJob or TerminateJob. Raises BackendError (ClientException)."""
    if not isinstance(reason, str) or not reason:
        raise refused(operation, "a reason is required.")
    if len(reason) > MAX_REASON:
        raise refused(operation, f"reason has {len(reason)} characters, at most {MAX_REASON}.")
    return _text(reason, "reason", operation)


def _text(value: object, member: str, operation: str = _SUBMIT) -> str:
    if not isinstance(value, str):
        raise refused(operation, f"{member} must be a string, found {value!r}.")
    if "\0" in value or not value.isascii():
        _check_unicode(value, member, operation)
    return value


def _check_unicode(value: str, member: str, operation: str) -> None:
    # Half of a surrogate pair is valid JSON and no valid text: neither argv nor a store takes it.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise refused(operation, f"{member} holds a character that no program can be given.")


def _mapping(request: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    value = request.get(member)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(_SUBMIT, f"{member} must be an object, found {value!r}.")
    return value


def _integer(value: object, member: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise refused(_SUBMIT, f"{member} must be an integer in {low}..{high}, found {value!r}.")
    return value


def _items(value: object, member: str) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise refused(_SUBMIT, f"{member} must be a list of objects.")
    return value


def _check_tags(tags: Mapping[str, Any]) -> None:
    if len(tags) > _MAX_TAGS:
        raise refused(_SUBMIT, f"at most {_MAX_TAGS} tags, found {len(tags)}.")
    for key, value in tags.items():
        if not 1 <= len(_text(key, "tags")) <= 128 or len(_text(value, "tags")) > 256:
            raise refused(
                _SUBMIT, f"tag {key[:128]!r}: keys have 1..128 characters, values 0..256."
            )


def _command(command: object, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    if not command:
        raise refused(
            _SUBMIT,
            "containerOverrides.command is missing: on one machine the job definition must be "
            "given in the document, with its command.",
        )
    if not isinstance(command, list):
        raise refused(_SUBMIT, "containerOverrides.command must be a list of strings.")
    words = tuple(_text(word, "containerOverrides.command") for word in command)
    if not parameters:
        return words
    values = {
        f"Ref::{_text(name, 'parameters')}": _text(value, "parameters")
        for name, value in parameters.items()
    }
    return tuple(values.get(word, word) for word in words)


def _environment(entries: object) -> dict[str, str]:
    environment: dict[str, str] = {}
    for entry in _items(entries, "containerOverrides.environment"):
        name = _text(entry.get("name"), "containerOverrides.environment.name")
        if not name or "=" in name or name.startswith("AWS_BATCH"):
            raise refused(
                _SUBMIT,
                f"Environment variable name {name!r}: it can't be empty, hold '=' or begin with "
                "AWS_BATCH, which Batch keeps for itself.",
            )
        environment[name] = _text(entry.get("value", ""), "containerOverrides.environment.value")
    return environment


def _needs(container: Mapping[str, Any]) -> dict[str, float]:
    needs: dict[str, float] = {}
    if "vcpus" in container:
        needs["VCPU"] = _integer(container["vcpus"], "containerOverrides.vcpus", 1, 100_000)
    if "memory" in container:
        needs["MEMORY"] = _integer(container["memory"], "containerOverrides.memory", 4, 10**9)
    for entry in _items(container.get("resourceRequirements"), "resourceRequirements"):
        kind = entry.get("type")
        if kind not in ("VCPU", "MEMORY", "GPU"):
            raise refused(_SUBMIT, f"resourceRequirements type {kind!r}: VCPU, MEMORY or GPU.")
        needs[kind] = _amount(entry.get("value"), kind)
    return needs


def _amount(value: object, kind: str) -> float:
    # VCPU may be a fraction (Fargate has 0.25 and 0.5), the others are whole.
    pattern = r"\d{1,6}(\.\d{1,3})?" if kind == "VCPU" else r"\d{1,9}"
    if not isinstance(value, str) or not re.fullmatch(pattern, value) or float(value) <= 0:
        raise refused(
            _SUBMIT, f"resourceRequirements {kind} must be a positive number as a string."
        )
    return float(value)


def _array_size(properties: Mapping[str, Any]) -> int:
    if not properties:
        return 0
    return _integer(properties.get("size"), "arrayProperties.size", 2, _MAX_ARRAY)


def _timeout(timeout: Mapping[str, Any]) -> int | None:
    if not timeout:
        return None
    seconds = timeout.get("attemptDurationSeconds")
    return _integer(seconds, "timeout.attemptDurationSeconds", _MIN_TIMEOUT, 2**31 - 1)


def _retries(strategy: Mapping[str, Any]) -> tuple[int, tuple[RetryRule, ...]]:
    if not strategy:
        return 1, ()
    entries = _items(strategy.get("evaluateOnExit"), "retryStrategy.evaluateOnExit")
    if len(entries) > _MAX_RULES:
        raise refused(_SUBMIT, f"evaluateOnExit has at most {_MAX_RULES} rules.")
    if entries and "attempts" not in strategy:
        raise refused(_SUBMIT, "evaluateOnExit needs retryStrategy.attempts.")
    attempts = _integer(strategy.get("attempts", 1), "retryStrategy.attempts", 1, 10)
    return attempts, tuple(map(_retry_rule, entries))


def _retry_rule(entry: Mapping[str, Any]) -> RetryRule:
    action = str(entry.get("action", "")).upper()
    if action not in ("RETRY", "EXIT"):
        raise refused(_SUBMIT, "evaluateOnExit action must be RETRY or EXIT.")
    rule = RetryRule(
        retries=action == "RETRY",
        on_exit_code=_pattern(entry, "onExitCode"),
        on_reason=_pattern(entry, "onReason"),
        on_status_reason=_pattern(entry, "onStatusReason"),
    )
    if not (rule.on_exit_code or rule.on_reason or rule.on_status_reason):
        raise refused(
            _SUBMIT, "an evaluateOnExit rule needs onExitCode, onReason or onStatusReason."
        )
    if not re.fullmatch(r"\d*\*?", rule.on_exit_code):
        raise refused(_SUBMIT, "onExitCode holds digits, and * at its end only.")
    return rule


def _pattern(entry: Mapping[str, Any], member: str) -> str:
    pattern = _text(entry.get(member) or "", member)
    if len(pattern) > _MAX_PATTERN or "*" in pattern[:-1]:
        raise refused(
            _SUBMIT, f"{member} has at most {_MAX_PATTERN} characters, * at its end only."
        )
    return pattern


def _upstream(entries: object, array_size: int) -> tuple[Upstream, ...]:
    if not entries:
        return ()
    items = _items(entries, "dependsOn")
    if len(items) > MAX_UPSTREAM:
        raise refused(_SUBMIT, f"dependsOn has at most {MAX_UPSTREAM} jobs, found {len(items)}.")
    return tuple(_one_upstream(entry, array_size) for entry in items)


def _one_upstream(entry: Mapping[str, Any], array_size: int) -> Upstream:
    job_id, kind = entry.get("jobId", ""), entry.get("type", "")
    if kind not in ("", SEQUENTIAL, N_TO_N):
        raise refused(_SUBMIT, f"dependsOn type {kind!r}: SEQUENTIAL or N_TO_N.")
    if kind and not array_size:
        raise refused(_SUBMIT, f"dependsOn type {kind} is for array jobs.")
    if (kind == SEQUENTIAL) == bool(job_id):
        raise refused(_SUBMIT, "dependsOn needs a jobId, and none with type SEQUENTIAL.")
    return Upstream(_text(job_id, "dependsOn.jobId"), kind)
