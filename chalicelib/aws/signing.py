"""Signs requests to a stage's HTTP API with the credentials of AWS that one has (SigV4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from chalicelib.errors import BackendError

_SERVICE = "execute-api"
_OWN_HOST = re.compile(rf"[a-z0-9-]+\.{_SERVICE}(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class Signer:
    """remote.bearing.Bearer, by IAM."""

    session: Any  # boto3.Session
    region: str

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Mapping[str, str]:
        """The headers of a request with its signature, which is good for five minutes.

        Raises BackendError when there are no credentials.
        """
        credentials = self.session.get_credentials()
        if credentials is None:
            told = "no credentials of AWS; `aws sts get-caller-identity` must answer"
            raise BackendError("AWS", "credentials", told, retryable=False)
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
        SigV4Auth(credentials, _SERVICE, self.region).add_auth(request)
        return dict(request.headers.items())


def signer_of(session: Any, host: str) -> Signer:
    """The signer for an API: its region is in the host, else that of the session (own domains).

    Raises BackendError when neither says it.
    """
    found = _OWN_HOST.fullmatch(host)
    region = found[1] if found else session.region_name
    if not region:
        told = f"which region is {host} in? set AWS_REGION"
        raise BackendError("AWS", "region", told, retryable=False)
    return Signer(session, region)
