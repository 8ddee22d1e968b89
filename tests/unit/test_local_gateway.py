"""What stands in for API Gateway on one machine: who is asked for his token, and how often."""

import json

from chalicelib.api.local_gateway import Asked, Gateway
from chalicelib.bootstrap import offering
from chalicelib.core.access import Principal, Role
from tests.unit.served import MemoryEdition

ANN = Principal(actor="ann", role=Role.ADMIN)


class Lookups:
    """Recognises everybody who has a header as ann, and keeps what was looked up."""

    def __init__(self) -> None:
        self.headers: list[str] = []

    def __call__(self, header: str) -> Principal | None:
        self.headers.append(header)
        return ANN if header else None


def test_a_token_is_looked_up_once_for_each_request_however_it_comes_in() -> None:
    lookups = Lookups()
    gateway = Gateway(lookups)
    fields = {"authorization": "Bearer x", "content-type": "application/json"}
    body = json.dumps({"scheduleId": "etl", "jobList": []}).encode()
    with offering(MemoryEdition()):
        assert gateway.answer(Asked("GET", "/runs", fields, b"")).status == 200
        assert lookups.headers == ["Bearer x"]
        known = Asked("POST", "/validate", fields, body, ANN)
        assert gateway.answer(known).status == 400
        assert lookups.headers == ["Bearer x"]
        assert gateway.answer(Asked("GET", "/runs", {}, b"")).status == 401


def test_who_is_known_is_known_with_his_role_and_no_more() -> None:
    viewer = Principal(actor="bob", role=Role.VIEWER)
    fields = {"content-type": "application/json"}
    with offering(MemoryEdition()):
        answer = Gateway(Lookups()).answer(Asked("POST", "/runs", fields, b"{}", viewer))
    assert answer.status == 403
