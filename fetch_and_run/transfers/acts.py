"""What `get`, `put` and `wait` do once they know the server, and what they found out."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.transfers.addresses import Address, bucket_and_key, name_of, unprintable
from fetch_and_run.transfers.beside import put_beside, sum_beside
from fetch_and_run.transfers.copying import Copying
from fetch_and_run.transfers.local import Local
from fetch_and_run.transfers.places import File, Place
from fetch_and_run.transfers.retrying import Retrying
from fetch_and_run.transfers.settling import settled
from fetch_and_run.world import World

Outputs = Mapping[str, str]


def get(address: Address, place: Place, arguments: Namespace, retrying: Retrying) -> Outputs:
    """Bring a file of the server here."""
    source = File(place, address.path)
    name = name_of(source.path)
    target = _here(arguments.here, retrying.world)
    if target.path.endswith("/") or (target.place.near and Path(target.path).is_dir()):
        target = File(target.place, f"{target.path.rstrip('/')}/{name}")
    expected = arguments.sha256
    if arguments.sha256_beside:
        said = sum_beside(source, retrying)
        if expected not in (None, said):
            raise JobError(Exit.CHANGED, f"{source} is said to have the sha256 {said}")
        expected = said
    return _moved(Copying(source, target, retrying), target, expected)


def put(address: Address, place: Place, arguments: Namespace, retrying: Retrying) -> Outputs:
    """Bring a file from here to the server."""
    source = _here(arguments.here, retrying.world)
    name = name_of(source.path)
    ends = address.path if not address.path.endswith("/") else f"{address.path}{name}"
    name_of(ends)
    target = File(place, ends)
    copying = Copying(source, target, retrying)
    copying.fill(arguments.sha256)
    if arguments.sha256_beside:
        put_beside(target, copying.sha256, retrying)
    copying.publish()
    return _told(copying, target)


def _moved(copying: Copying, target: File, expected: str | None) -> Outputs:
    copying.fill(expected)
    copying.publish()
    return _told(copying, target)


def _told(copying: Copying, target: File) -> Outputs:
    return {
        "file": target.path.rsplit("/", 1)[-1],
        "bytes": str(copying.size),
        "sha256": copying.sha256,
    }


def wait(address: Address, place: Place, arguments: Namespace, retrying: Retrying) -> Outputs:
    """Wait for a file of the server; of several the first by name is told."""
    found = settled(File(place, address.path), arguments.stable, arguments.every, retrying)
    path = min(found)
    under = path if path.startswith("/") else f"/{path}"
    return {
        "file": path.rsplit("/", 1)[-1],
        "address": address.place + quote(under, safe="/~"),
        "bytes": str(found[path].size),
        "files": str(len(found)),
    }


def _here(text: str, world: World) -> File:
    if text.startswith("s3://"):
        from fetch_and_run.aws import client  # boto3 is only needed for S3
        from fetch_and_run.transfers.s3 import S3

        bucket, key = bucket_and_key(text)
        return File(S3(client(world, "s3", read_timeout=60), bucket), f"/{key}")
    if not text or unprintable(text):
        raise JobError(Exit.REFUSED, f"{text!r} is no path")
    return File(Local(), text)
