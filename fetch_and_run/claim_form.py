"""The form of a claim where it is kept: members in camel case, times in UTC with a Z."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fetch_and_run.claims import Claim, Progress
from fetch_and_run.exits import Exit, JobError

MOST_NAMES = 50  # outputs of an attempt, and links


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


def merged(told: Mapping[str, str], known: Mapping[str, str], what: str) -> dict[str, str]:
    """Both, what is told now replacing what was known. Raises JobError, REFUSED, for too many."""
    both = {**known, **told}
    if len(both) > MOST_NAMES:
        raise JobError(
            Exit.REFUSED,
            f"{what}: {len(both)} of them would be on record, and at most {MOST_NAMES} may be; "
            "none of these was added",
        )
    return both


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _progress(shape: Mapping[str, Any]) -> Progress:
    return Progress(
        percent=float(shape["percent"]),
        text=shape["text"],
        at=datetime.fromisoformat(shape["at"]),
    )
