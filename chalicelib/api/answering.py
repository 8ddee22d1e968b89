"""Answers as HTTP sends them: with an ETag, and compressed where that is asked for."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from chalice.app import Request, Response

JSON = "application/json"
_WORTH_IT = 1024  # bytes: less is not made smaller by much
_ALWAYS = {
    "Cache-Control": "private, no-cache",  # kept only to be asked for again by its ETag
    "Vary": "Accept-Encoding, Authorization",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler answers. `body` is a value for JSON, or a text of another media type.

    `etag` is that of what is told of, where it has one of its own; `location` is a path of ours;
    `retry_after` are the seconds after which to ask again, 0 to say nothing of that.
    """

    body: Any
    status: HTTPStatus = HTTPStatus.OK
    media_type: str = JSON
    etag: str = ""
    location: str = ""
    retry_after: int = 0


class Sent(Response):
    """A response that knows by itself whether its body is compressed.

    Chalice would go by the media type, and then refuse whoever sends no Accept.
    """

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        """What the gateway is given."""
        if not isinstance(self.body, bytes):
            return dict(super().to_dict([]))
        content, self.body = self.body, ""
        told = dict(super().to_dict([]))
        self.body = content
        return {**told, "body": base64.b64encode(content).decode(), "isBase64Encoded": True}


def sent(request: Request, answer: Answer) -> Response:
    """The response to a request, which may be that nothing has changed."""
    text = text_of(answer)
    headers: dict[str, str | list[str]] = {**_ALWAYS, "Content-Type": answer.media_type}
    if answer.location:
        headers["Location"] = prefix(request.context) + answer.location
    if answer.retry_after:
        headers["Retry-After"] = str(answer.retry_after)
    etag = answer.etag
    if request.method == "GET" and answer.status is HTTPStatus.OK:
        # Weak: the same content compressed is as good.
        etag = etag or f'W/"{sha256(text.encode()).hexdigest()[:32]}"'
    if etag:
        headers["ETag"] = etag
        if request.method == "GET" and _is_known(request.headers.get("if-none-match", ""), etag):
            del headers["Content-Type"]
            return Sent("", headers, HTTPStatus.NOT_MODIFIED.value)
    if len(text) < _WORTH_IT or not _may_compress(request):
        return Sent(text, headers, answer.status.value)
    headers["Content-Encoding"] = "gzip"
    return Sent(gzip.compress(text.encode(), 5, mtime=0), headers, answer.status.value)


def text_of(answer: Answer) -> str:
    """The body as a text."""
    return answer.body if isinstance(answer.body, str) else json.dumps(answer.body)


def prefix(context: Mapping[str, Any]) -> str:
    """What stands before our paths in the address that was called: a gateway's stage, say."""
    called = str(context.get("path", "")).rstrip("/").split("/")
    own = str(context["resourcePath"]).rstrip("/").split("/")
    return "/".join(called[: len(called) - len(own) + 1])


def _is_known(given: str, etag: str) -> bool:
    """Say whether If-None-Match names the ETag; weak and strong are compared alike there."""
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def is_behind_api_gateway(request: Request) -> bool:
    """Whether AWS's own gateway has sent it: only its contexts have the id of an API."""
    return "apiId" in request.context


def _may_compress(request: Request) -> bool:
    if is_behind_api_gateway(request):
        return False  # it compresses by itself (minimumCompressionSize)
    accepted = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return "gzip" in accepted or any(
        each.startswith("gzip;") and not each.endswith(("q=0", "q=0.0")) for each in accepted
    )
