"""Requests to an API of IAM are signed as botocore signs them, for the host that they go to."""

import pytest
from botocore.credentials import Credentials

from chalicelib.aws.signing import Signer, signer_of
from chalicelib.errors import BackendError

HOST = "a1b2c3.execute-api.eu-central-1.amazonaws.com"


class Session:
    """As boto3's."""

    def __init__(self, region: str | None = None, *, token: str | None = None) -> None:
        self.region_name = region
        self._token = token

    def get_credentials(self) -> Credentials:
        return Credentials("AKIDEXAMPLE", "not-a-secret", self._token)


class NobodysSession(Session):
    def get_credentials(self) -> None:
        return None


def signed(signer: Signer, body: bytes | None = None) -> str:
    url = f"https://{HOST}/api/runs?status=FAILED&prefix=a%20b"
    return signer.headers("POST", url, {"Accept": "application/json"}, body)["Authorization"]


def test_the_region_is_that_of_the_host() -> None:
    authorization = signed(signer_of(Session("us-east-1"), HOST))
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/execute-api/aws4_request" in authorization
    assert "host" in authorization


def test_a_domain_of_ones_own_is_in_the_region_of_the_session() -> None:
    assert signer_of(Session("eu-west-1"), "jobs.example.org").region == "eu-west-1"
    with pytest.raises(BackendError, match="AWS_REGION"):
        signer_of(Session(), "jobs.example.org")


def test_what_is_sent_is_in_the_signature() -> None:
    signer = signer_of(Session(), HOST)
    of = [signed(signer, body).rpartition("Signature=")[2] for body in (b"{}", b"[]")]
    assert of[0] != of[1]


def test_temporary_credentials_send_their_token() -> None:
    signer = signer_of(Session(token="of-the-session"), HOST)  # noqa: S106 - nobody's
    headers = signer.headers("GET", f"https://{HOST}/api/runs", {}, None)
    assert headers["X-Amz-Security-Token"] == "of-the-session"


def test_without_credentials_nothing_is_sent() -> None:
    with pytest.raises(BackendError, match="get-caller-identity"):
        signer_of(NobodysSession(), HOST).headers("GET", f"https://{HOST}/api/runs", {}, None)
