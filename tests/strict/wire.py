"""Answers of the strict fake as they come over the wire, for processes that only have the wire."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree

from tests.strict.answers import Params
from tests.strict.aws import StrictAws, model_of
from tests.strict.function_process import WireAnswer


def answer(aws: StrictAws, service: str, operation: str, params: Params) -> WireAnswer:
    """What a request is answered that is sent once; no answer at all is raised."""
    model = model_of(service, operation)
    response, parsed = aws.answer(service, 1, model, params)
    members = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    # What has succeeded may have a member of this name: DescribeStatement of redshift-data has.
    error = members.pop("Error") if response.status_code >= 400 else None
    protocol = model.service_model.metadata["protocol"]
    headers: dict[str, str] = {}
    if protocol in ("json", "rest-json"):
        if error is not None:
            members |= {"__type": error["Code"], "message": error["Message"]}
        body = json.dumps(members, default=_plain).encode()
    elif error is not None:
        body = _xml("Error", error)
        if protocol == "query":
            body = b"<ErrorResponse>" + body + b"</ErrorResponse>"
    elif protocol == "query":
        body = _xml(f"{operation}Result", members)
        body = b"<Response>" + body + b"</Response>"
    else:
        body, headers = _rest(model, members)
    length = {"content-length": str(len(body)), "x-amzn-requestid": "strict"}
    return WireAnswer(response.status_code, body, headers | length)


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
    raise TypeError(f"nothing on the wire is a {type(value).__name__}")


def _xml(name: str, members: Mapping[str, Any]) -> bytes:
    root = ElementTree.Element(name)
    for member, value in members.items():
        ElementTree.SubElement(root, member).text = str(value)
    return ElementTree.tostring(root)


def _rest(model: Any, members: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """S3's: what is not the object itself is in headers."""
    body, headers = b"", {}
    for name, value in members.items():
        place = model.output_shape.members[name].serialization
        if place.get("location") == "header":
            is_time = isinstance(value, datetime)
            text = format_datetime(value, usegmt=True) if is_time else str(value)
            headers[place["name"].lower()] = text
        else:
            body = value.read()
    return body, headers
