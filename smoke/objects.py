"""What S3 does with new objects, and what is told of uploads."""

from collections.abc import Generator

from botocore.exceptions import ClientError

from chalicelib.aws.documents import Documents
from chalicelib.aws.translation import code_of
from chalicelib.errors import NotFoundError
from chalicelib.ports import StoredSchedule
from smoke.checks import Finding, check, judged
from smoke.trial import Trial

Steps = Generator[None, None, Finding]


def prefix(trial: Trial) -> str:
    """Where probes are put: no schedule is looked for there, because no key ends as one's does."""
    return f"{trial.mark}/"


@check("s3-puts-once")
def puts_once(trial: Trial) -> Steps:
    yield
    documents, key = Documents(trial.clients, trial.place.bucket), f"{prefix(trial)}once"
    results = [documents.put_new(key, text) for text in ("one", "other")]
    kept = documents.get(key)
    return judged(f"{results}, {kept!r} is kept", holds=results == [True, False] and kept == "one")


@check("s3-reads-what-was-written")
def reads_what_was_written(trial: Trial) -> Steps:
    yield
    documents, seen = Documents(trial.clients, trial.place.bucket), []
    for number in range(5):
        documents.put(f"{prefix(trial)}written", str(number))
        documents.put(f"{prefix(trial)}folder-{number}/x", "")
        folders = documents.folders(prefix(trial))
        seen.append((documents.get(f"{prefix(trial)}written"), len(folders)))
    holds = seen == [(str(number), number + 1) for number in range(5)]
    return judged(f"after each of {len(seen)} writes", holds=holds)


@check("s3-names-versions")
def names_versions(trial: Trial) -> Steps:
    yield
    place, client = (
        {"Bucket": trial.place.bucket, "Key": f"{prefix(trial)}version"},
        trial.clients["s3"],
    )
    versions = []
    for text in (b"one", b"other"):
        client.put_object(**place, Body=text)
        versions.append(client.get_object(**place).get("VersionId", ""))
    return judged(versions, holds=all(versions) and versions[0] != versions[1])


@check("s3-replaces-what-was-seen")
def replaces_what_was_seen(trial: Trial) -> Steps:
    yield
    client = trial.clients["s3"]
    where = {"Bucket": trial.place.bucket, "Key": f"{prefix(trial)}seen"}
    client.put_object(**where, Body=b"first")
    seen = client.head_object(**where)["ETag"]
    client.put_object(**where, Body=b"second", IfMatch=seen)
    try:
        client.put_object(**where, Body=b"late", IfMatch=seen)
    except ClientError as error:
        return judged(code_of(error), holds=code_of(error) == "PreconditionFailed")
    return judged("a newer one was replaced", holds=False)


@check("s3-misses-clearly")
def misses_clearly(trial: Trial) -> Steps:
    yield
    try:
        trial.clients["s3"].get_object(Bucket=trial.place.bucket, Key=f"{prefix(trial)}nothing")
    except ClientError as error:
        return judged(code_of(error), holds=code_of(error) == "NoSuchKey")
    return judged("something is there", holds=False)


@check("events-upload")
def upload(trial: Trial) -> Steps:
    began, schedule_id = trial.seconds(), f"{trial.mark}-uploaded"
    trial.schedules.add(schedule_id)
    text = trial.document(schedule_id, [{"name": "only"}])
    trial.clients["s3"].put_object(
        Bucket=trial.place.bucket, Key=f"{schedule_id}.json", Body=text.encode()
    )

    def look() -> StoredSchedule | None:
        try:
            return trial.ports.schedules.get_schedule(schedule_id)
        except NotFoundError:
            return None

    stored = yield from trial.until("the uploaded schedule in the store", look)
    seconds = trial.seconds() - began
    return judged(f"version {stored.version} within {seconds:.0f} s", holds=stored.version == 1)
