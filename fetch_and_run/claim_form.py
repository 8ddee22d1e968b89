"""The form of a claim where it is kept: members in camel case, times in UTC with a Z."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from fetch_and_run.claims import Claim, Progress
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.secrecy import secret_in

MOST_NAMES = 50  # outputs of an attempt, and links
MAX_VALUE = 1024  # characters of an output or a link
MAX_TOLD = 32 * 1024  # bytes of names and values, of outputs and links together


def shaped(claim: Claim) -> dict[str, Any]:
    """What is kept of a claim; progress only where there is some."""
    shape: dict[str, Any] = {
        "owner": claim.owner,
        "claimedAt": moment_text(claim.claimed_at),
        "remote": dict(claim.remote),
        "outputs": dict(claim.outputs),
        "links": dict(claim.links),
    }
    return shape if claim.progress is None else shape | {"progress": of_progress(claim.progress)}


def of_progress(progress: Progress) -> dict[str, Any]:
    """What is kept of progress."""
    return {
        "percent": progress.percent,
        "text": progress.text,
        "at": moment_text(progress.at),
    }


def read(shape: Mapping[str, Any]) -> Claim:
    """The claim that is kept so. Raises JobError, NO_CLAIMS, for what is none."""
    try:
        told = shape.get("progress")
        return Claim(
            owner=shape["owner"],
            claimed_at=datetime.fromisoformat(shape["claimedAt"]),
            remote=dict(shape.get("remote", {})),
            progress=_progress(told) if told else None,
            outputs=dict(shape.get("outputs", {})),
            links=dict(shape.get("links", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JobError(
            Exit.NO_CLAIMS, f"the claim on record can't be read: {error!r}; nothing was begun"
        ) from error


def with_outputs(claim: Claim, told: Mapping[str, str]) -> Claim:
    """Outputs added, each replacing one of its name. Raises JobError, REFUSED; none is added then.

    What is refused here the scheduler would leave out, long after the job has said that it is done.
    """
    return _fitting(replace(claim, outputs=_merged(told, claim.outputs, "outputs")))


def with_links(claim: Claim, told: Mapping[str, str]) -> Claim:
    """Links added, as `with_outputs` adds outputs."""
    return _fitting(replace(claim, links=_merged(told, claim.links, "links")))


def _merged(told: Mapping[str, str], known: Mapping[str, str], what: str) -> dict[str, str]:
    for name, value in told.items():
        if fault := _fault_of(value):
            raise JobError(Exit.REFUSED, f"{what}: the value of {name} {fault}; none was added")
    both = {**known, **told}
    if len(both) > MOST_NAMES:
        raise JobError(
            Exit.REFUSED,
            f"{what}: {len(both)} of them would be on record, and at most {MOST_NAMES} may be; "
            "none of these was added",
        )
    return both


def _fault_of(value: str) -> str:
    """Why a value can't be told, without the value."""
    if len(value) > MAX_VALUE:
        return f"has {len(value)} characters, and may have {MAX_VALUE}"
    if not value.isprintable():
        return "has characters that can't be printed"
    kind = secret_in(value)
    return f"looks like {kind}, and all who look at the run would see it" if kind else ""


def _fitting(claim: Claim) -> Claim:
    told = chain(claim.outputs.items(), claim.links.items())
    size = sum(len(name.encode()) + len(value.encode()) for name, value in told)
    if size > MAX_TOLD:
        raise JobError(
            Exit.REFUSED,
            f"outputs and links would have {size} bytes in all, and may have {MAX_TOLD}; none of "
            "these was added: put what is large into a file, and tell where it is",
        )
    return claim


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _progress(shape: Mapping[str, Any]) -> Progress:
    return Progress(
        percent=float(shape["percent"]),
        text=shape["text"],
        at=datetime.fromisoformat(shape["at"]),
    )
