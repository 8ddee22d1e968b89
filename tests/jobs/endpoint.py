"""An endpoint of HTTP before the strict fake, for clients that only have the wire."""

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tests.strict.aws import StrictAws, model_of
from tests.strict.function_process import WireAnswer
from tests.strict.wire import answer

# What a service is called in signatures, where botocore calls it something else.
_SIGNED_FOR = {"states": "stepfunctions"}
_UNANSWERED = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError)


class Endpoint:
    """Answers as `aws` does; a reply that is lost is a connection that is dropped."""

    def __init__(self, aws: StrictAws) -> None:
        endpoint = self
        self.aws = aws
        self.errors: list[Exception] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.serve(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.errors and error is None:
            raise self.errors[0]

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", "0")))
        try:
            told = self._answer(request, body)
        except _UNANSWERED:
            return
        except Exception as error:  # of the fake: the test is to see it
            self.errors.append(error)
            return
        request.send_response(told.status)
        for name, value in told.headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(told.body)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> WireAnswer:
        # As SigV4 has it: Credential, "=", then key/day/region/service.
        signed_for = request.headers["authorization"].split("/")[3]
        service = _SIGNED_FOR.get(signed_for, signed_for)
        target = request.headers.get("x-amz-target")
        if target is not None:
            return answer(self.aws, service, target.rpartition(".")[2], json.loads(body))
        if service == "s3":
            bucket, _, key = unquote(urlsplit(request.path).path).lstrip("/").partition("/")
            return answer(self.aws, service, "GetObject", {"Bucket": bucket, "Key": key})
        return self._answer_ec2(dict(parse_qsl(body.decode())))

    def _answer_ec2(self, form: Mapping[str, str]) -> WireAnswer:
        """EC2's protocol, as far as requests have lists of ids alone."""
        model = model_of("ec2", form["Action"])
        ids = [value for name, value in form.items() if name.startswith("InstanceId.")]
        response, parsed = self.aws.answer("ec2", 1, model, {"InstanceIds": ids})
        if "Error" in parsed:
            root = Element("Response")
            error = SubElement(SubElement(root, "Errors"), "Error")
            SubElement(error, "Code").text = parsed["Error"]["Code"]
            SubElement(error, "Message").text = parsed["Error"]["Message"]
        else:
            root = Element(f"{form['Action']}Response")
            members = {n: v for n, v in parsed.items() if n != "ResponseMetadata"}
            _write(root, members, model.output_shape)
        body = tostring(root)
        return WireAnswer(response.status_code, body, {"content-length": str(len(body))})


def _write(element: Element, value: Any, shape: Any) -> None:
    match shape.type_name:
        case "structure":
            for name, each in value.items():
                member = shape.members[name]
                _write(SubElement(element, member.serialization.get("name", name)), each, member)
        case "list":
            for each in value:
                _write(SubElement(element, "item"), each, shape.member)
        case _:
            element.text = str(value)
