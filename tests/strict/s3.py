"""S3, strict: buckets with versions, and what EventBridge is told of new objects."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from botocore.response import StreamingBody

from tests.strict.answers import ACCOUNT, REGION, AwsError, Fault, Params, Permission, Service
from tests.strict.aws import StrictAws

MAX_KEY = 1024  # bytes of UTF-8 (object-keys)
_MOST_LISTED = 1000  # keys and prefixes of one page (API_ListObjectsV2)
_KEPT = ("ContentType", "ContentEncoding", "Metadata")

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; `content` None is the mark of a deletion."""

    id: str
    content: bytes | None
    about: Fields


@dataclass(slots=True)
class Bucket:
    """Versions of each key, the newest last."""

    name: str
    is_versioned: bool = True
    tells: bool = True  # whether EventBridge hears of new objects
    objects: dict[str, list[Version]] = field(default_factory=dict)

    def newest(self, key: str) -> Version | None:
        versions = self.objects.get(key)
        return versions[-1] if versions and versions[-1].content is not None else None


class FakeS3:
    """All buckets of the account, each seen at once by everyone, as S3's are."""

    def __init__(self, aws: StrictAws) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.heeds_tags = True  # as all of S3 does; not what only speaks as S3 does
        self._aws = aws
        self._number = 0

    def service(self) -> Service:
        """What StrictAws serves."""
        return Service(
            operations={
                "CreateBucket": self.create_bucket,
                "PutObject": self.put_object,
                "GetObject": self.get_object,
                "HeadObject": self.head_object,
                "ListObjectsV2": self.list_objects,
            },
            permissions=self._permissions,
            refusal="InvalidArgument",
            throttled=("SlowDown", 503),
            broken="InternalError",
        )

    # The API

    def create_bucket(self, params: Params) -> Fields:
        if params["Bucket"] in self.buckets:
            raise AwsError("BucketAlreadyOwnedByYou", "Your previous request succeeded.", 409)
        self.create(params["Bucket"], is_versioned=False, tells=False)
        return {"Location": f"http://{params['Bucket']}.s3.amazonaws.com/"}

    def put_object(self, params: Params) -> Fields:
        bucket, key = self._bucket(params), params["Key"]
        self._check_condition(bucket, key, params)
        body = params.get("Body", b"")
        content = bytes(body) if isinstance(body, bytes | bytearray) else _whole(body)
        about = {name: params[name] for name in _KEPT if name in params}
        version = self.put(bucket.name, key, content, about)
        return {"ETag": version.about["ETag"], **_version_id(bucket, version)}

    def get_object(self, params: Params) -> Fields:
        bucket, key = self._bucket(params), params["Key"]
        version = self._found(bucket, key, params.get("VersionId"))
        content = version.content or b""
        return {
            **version.about,
            **_version_id(bucket, version),
            "ContentLength": len(content),
            "Body": StreamingBody(io.BytesIO(content), len(content)),
        }

    def head_object(self, params: Params) -> Fields:
        bucket, key = self._bucket(params), params["Key"]
        version = bucket.newest(key)
        if version is None:
            raise AwsError("404", "Not Found", 404)  # an answer to HEAD has no body to say more
        about = {**version.about, **_version_id(bucket, version)}
        return {**about, "ContentLength": len(version.content or b"")}

    def list_objects(self, params: Params) -> Fields:
        """ListObjectsV2."""
        bucket = self._bucket(params)
        after = params.get("ContinuationToken") or params.get("StartAfter", "")
        size = min(params.get("MaxKeys", _MOST_LISTED), _MOST_LISTED)
        names = [name for name in _names(bucket, params) if name.encode() > after.encode()]
        page = names[:size]
        objects = [name for name in page if not _is_prefix(name, params)]
        answer: Fields = {
            "Name": bucket.name,
            "Prefix": params.get("Prefix", ""),
            "KeyCount": len(page),
            "MaxKeys": size,
            "IsTruncated": len(names) > size,
            "Contents": [_listed(bucket, name) for name in objects],
            "CommonPrefixes": [{"Prefix": name} for name in page if name not in objects],
        }
        if len(names) > size:
            answer["NextContinuationToken"] = page[-1]
        return answer

    # Behind it

    def create(self, name: str, *, is_versioned: bool = True, tells: bool = True) -> Bucket:
        self.buckets[name] = Bucket(name, is_versioned, tells)
        return self.buckets[name]

    def put(self, bucket: str, key: str, content: bytes, about: Fields | None = None) -> Version:
        """A new version, told to EventBridge: what a person's upload does."""
        if len(key.encode()) > MAX_KEY:
            raise AwsError("KeyTooLongError", "Your key is too long")
        etag = md5(content, usedforsecurity=False).hexdigest()
        made = {**(about or {}), "ETag": f'"{etag}"', "LastModified": self._aws.clock()}
        version = self._add(self.buckets[bucket], key, content, made)
        if self.buckets[bucket].tells:
            self._tell(bucket, key, version)
        return version

    def delete(self, bucket: str, key: str) -> None:
        """Put the mark of a deletion over the versions."""
        self._add(self.buckets[bucket], key, None, {})

    def _add(self, bucket: Bucket, key: str, content: bytes | None, about: Fields) -> Version:
        self._number += 1
        version = Version(f"version-{self._number:06d}", content, about)
        versions = bucket.objects.setdefault(key, [])
        if not bucket.is_versioned:
            versions.clear()
        versions.append(version)
        return version

    def _check_condition(self, bucket: Bucket, key: str, params: Params) -> None:
        if params.get("IfNoneMatch", "*") != "*":
            raise NotImplementedError("of IfNoneMatch only * is faked")
        is_conditional = bool({"IfMatch", "IfNoneMatch"} & set(params))
        if self._aws.call.fault is Fault.CONFLICT and is_conditional:
            raise AwsError("ConditionalRequestConflict", "A conflicting operation runs.", 409)
        newest = bucket.newest(key)
        if "IfMatch" in params and newest is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        if "IfMatch" in params and not self.heeds_tags:
            return
        has_changed = newest is not None and params.get("IfMatch", "") != newest.about["ETag"]
        if is_conditional and has_changed:
            raise AwsError("PreconditionFailed", "At least one precondition did not hold", 412)

    def _found(self, bucket: Bucket, key: str, wanted: str | None) -> Version:
        if wanted is None:
            newest = bucket.newest(key)
            if newest is None:
                raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
            return newest
        found = [each for each in bucket.objects.get(key, ()) if each.id == wanted]
        if not found:
            raise AwsError("NoSuchVersion", "The specified version does not exist.", 404)
        if found[0].content is None:
            raise AwsError("MethodNotAllowed", "The version is a delete marker.", 405)
        return found[0]

    def _bucket(self, params: Params) -> Bucket:
        name = params["Bucket"]
        if name not in self.buckets:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
        return self.buckets[name]

    def _permissions(self, operation: str, params: Params) -> tuple[Permission, ...]:
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        match operation:
            case "ListObjectsV2":
                return (("s3:ListBucket", bucket),)
            case "GetObject" | "HeadObject":
                # Who may not list is denied what isn't there (API_GetObject).
                listing = () if self._has(params) else (("s3:ListBucket", bucket),)
                action = "s3:GetObjectVersion" if "VersionId" in params else "s3:GetObject"
                return ((action, f"{bucket}/{params['Key']}"), *listing)
            case "PutObject":
                # A write that asks for what is there reads it (conditional-writes).
                reading = ("s3:GetObject",) if "IfMatch" in params else ()
                arn = f"{bucket}/{params['Key']}"
                return tuple((action, arn) for action in ("s3:PutObject", *reading))
        return ((f"s3:{operation}", bucket),)

    def _has(self, params: Params) -> bool:
        bucket = self.buckets.get(params["Bucket"])
        return bucket is not None and bucket.newest(params["Key"]) is not None

    def _tell(self, bucket: str, key: str, version: Version) -> None:
        content = version.content or b""
        self._aws.events.append(
            {
                "version": "0",
                "id": f"00000000-0000-4000-c000-{self._number:012x}",
                "detail-type": "Object Created",
                "source": "aws.s3",
                "account": ACCOUNT,
                "time": self._aws.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": [f"arn:aws:s3:::{bucket}"],
                "detail": {
                    "version": "0",
                    "bucket": {"name": bucket},
                    "object": {
                        "key": key,
                        "size": len(content),
                        "etag": version.about["ETag"].strip('"'),
                        "version-id": version.id,
                        "sequencer": f"{self._number:016X}",
                    },
                    "request-id": f"{self._number:016X}",
                    "requester": ACCOUNT,
                    "reason": "PutObject",
                },
            }
        )


def _whole(body: Any) -> bytes:
    """All of a stream, again when a request is sent again."""
    body.seek(0)
    content: bytes = body.read()
    return content


def _version_id(bucket: Bucket, version: Version) -> Fields:
    return {"VersionId": version.id} if bucket.is_versioned else {}


def _listed(bucket: Bucket, key: str) -> Fields:
    version = bucket.objects[key][-1]
    about = {name: version.about[name] for name in ("ETag", "LastModified")}
    return {"Key": key, "Size": len(version.content or b""), **about}


def _names(bucket: Bucket, params: Params) -> Iterator[str]:
    """Keys, or what is rolled up to their next delimiter, each once, in the order of UTF-8."""
    prefix, delimiter = params.get("Prefix", ""), params.get("Delimiter", "")
    seen = set()
    for key in sorted(bucket.objects, key=str.encode):
        if not key.startswith(prefix) or bucket.newest(key) is None:
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key if at < 0 else key[: at + len(delimiter)]
        if name not in seen:
            seen.add(name)
            yield name


def _is_prefix(name: str, params: Params) -> bool:
    delimiter = params.get("Delimiter", "")
    return bool(delimiter) and delimiter in name[len(params.get("Prefix", "")) :]
