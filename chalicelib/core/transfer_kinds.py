"""Kinds of work with servers of FTP, SFTP and HTTP, by the fields of a document."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from chalicelib.core.fields import WHOLE, complaint
from chalicelib.core.kind_fields import (
    SHA256,
    Body,
    Conditions,
    Flag,
    Form,
    Kind,
    Name,
    Names,
    PairName,
    Pairs,
    Reference,
    Said,
    at_most_one,
    needed,
    shaped,
    without,
)
from chalicelib.core.secrecy import is_secret_name
from chalicelib.core.wording import quoted

_STATUSES = shaped(r"[1-5](\d\d|xx)(,[1-5](\d\d|xx))*", "statuses like 200,201,2xx")
_URL = shaped(
    r"https?://[^/@\s{}]+(/[^\s]*)?(\?[^\s]*)?", "https://HOST/…, without a user", hidden=True
)
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})


def _address(scheme: str) -> AfterValidator:
    allowed = f"{scheme}://HOST[:PORT]/PATH, without a user and a password"
    return shaped(rf"{scheme}://[^/@\s]+/[^?#]*", allowed, hidden=True)


class Transfer(Kind):
    """What files of servers have in common."""

    action: Annotated[Literal["get", "put", "wait"], Said(Form.WORD)] = Field(
        description="`get` a file from the server, `put` one there, or `wait` until one is there"
        " and stays the same."
    )
    here: Annotated[Name, Said(Form.REST)] | None = Field(
        None,
        description="`get`, `put`: a path, or `s3://BUCKET/KEY`; of `get` a directory ends with"
        " `/`.",
    )
    sha256: Annotated[Name, SHA256] | None = Field(
        None, description="`get`, `put`: what its SHA-256 must be: 64 hexadecimal digits."
    )
    sha256_beside: Annotated[Flag, Said(Form.FLAG, "--sha256-beside")] | None = Field(
        None,
        alias="sha256Beside",
        description="`get`: compare with the file NAME.sha256 beside it; `put`: write that, too.",
    )
    retries: Annotated[int, Field(ge=0), WHOLE] | None = Field(
        None, description="`get`, `put`: how often in a row in vain; 5 unless given."
    )
    stable: Annotated[int, Field(ge=0, le=86_400), WHOLE] | None = Field(
        None, description="`wait`: seconds for which its size and time stay; 30 unless given."
    )
    every: Annotated[int, Field(ge=0, le=86_400), WHOLE] | None = Field(
        None, description="`wait`: seconds between two looks; 10 unless given."
    )

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        if self.action == "wait":
            without(self, self.action, ["here", "sha256", "sha256_beside", "retries"])
        else:
            needed(self, self.action, ["here"])
            without(self, self.action, ["stable", "every"])
        return self


class Sftp(Transfer):
    """`uses: sftp`: files of an SFTP server."""

    server: Annotated[Name, _address("sftp"), Said(Form.REST)] = Field(
        description="The file there: `sftp://HOST[:PORT]/PATH`; of `wait` a pattern, too."
    )
    user: Name = Field(description="Who logs in.")
    password_from: Reference | None = Field(
        None, description="Where the password is: `env:NAME` or `file:/PATH`."
    )
    key_from: Reference | None = Field(None, description="Where the private key is.")
    passphrase_from: Reference | None = Field(
        None, description="Where the passphrase of the key is."
    )
    known_hosts_from: Reference | None = Field(
        None, description="Where lines of a known_hosts file are."
    )
    host_keys: Annotated[Names, Said(name="--host-key")] | None = Field(
        None, description="Fingerprints of the server's key: `SHA256:…`."
    )


class Ftp(Transfer):
    """`uses: ftp`: files of an FTP server."""

    server: Annotated[Name, _address("ftp"), Said(Form.REST)] = Field(
        description="The file there: `ftp://HOST[:PORT]/PATH`; of `wait` a pattern, too."
    )
    user: Name | None = Field(None, description="Who logs in; `anonymous` unless given.")
    password_from: Reference | None = Field(
        None, description="Where the password is: `env:NAME` or `file:/PATH`."
    )
    tls: Flag | None = Field(None, description="Encrypt, and check the server's certificate.")
    ca_from: Reference | None = Field(
        None, description="`tls`: where certificates to trust are, as PEM."
    )


Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if is_secret_name(name) or name.lower() in _SECRET_HEADERS:
            allowed = "`secretHeaders` or `bearerFrom`, with where its value is"
            raise complaint(f"has {quoted(name)}, whose value may be a secret", allowed)
    return headers


class Http(Kind):
    """`uses: http`: a request, and what it begins."""

    url: Annotated[Name, _URL, Said(Form.REST)] = Field(
        description="What is asked: `https://…`; or `http://` on this machine, or with `plain`."
    )
    method: Method | None = Field(None, description="`GET` unless given, or `POST` with a body.")
    headers: (
        Annotated[Pairs, AfterValidator(_check_headers), Said(Form.PAIRS, "--header", ": ")] | None
    ) = Field(None, description="Headers, none of them secret.")
    secret_headers: (
        Annotated[dict[PairName, Reference], Said(Form.PAIRS, "--secret-header")] | None
    ) = Field(None, description="Headers, and where their values are: `env:NAME`, `file:/PATH`.")
    bearer_from: Reference | None = Field(None, description="Where the token of a bearer is.")
    body: Body | None = Field(
        None, description="What is sent: text, or an object or a list, which are sent as JSON."
    )
    body_file: Name | None = Field(
        None, description="Instead of `body`: a file of the image that is sent."
    )
    idempotency_key: Name | None = Field(
        None,
        description="Header for a key that is the same for the whole attempt, by which it is asked"
        " again: `Idempotency-Key`.",
    )
    plain: Flag | None = Field(None, description="Allow `http://` to other machines.")
    ca_from: Reference | None = Field(None, description="Where certificates to trust are, as PEM.")
    expect: Annotated[Name, _STATUSES] | None = Field(
        None, description="Statuses that are no failure: `200,201,2xx`; `2xx` unless given."
    )
    outputs: Annotated[Pairs, Said(Form.PAIRS, "--output")] | None = Field(
        None, description="Outputs of the job by their places in the last answer: `result.rows`."
    )
    prints: Annotated[Flag, Said(Form.FLAG, "--print")] | None = Field(
        None, alias="print", description="Print the last answer."
    )
    max_bytes: Annotated[int, Field(ge=1, le=100_000_000), WHOLE] | None = Field(
        None, description="Bytes that an answer may have; 1,048,576 unless given."
    )
    answer_within: Annotated[int, Field(ge=1, le=100_000_000), WHOLE] | None = Field(
        None, description="Seconds that one answer may take; 20 unless given."
    )
    poll_url: Annotated[Name, _URL] | None = Field(
        None,
        description="Where the end of what was begun can be seen, `{member}` filled from the"
        " answer; its Location unless given.",
    )
    until: Conditions | None = Field(
        None, description="It has ended well when a member of the answer has one of its values."
    )
    fail: Conditions | None = Field(None, description="It has failed when one has.")
    cancel_url: Name | None = Field(
        None, description="What ends it, filled as `pollUrl` is; or the word `poll`."
    )
    cancel_method: Method | None = Field(
        None, description="How that is asked; `DELETE` unless given."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        at_most_one(self, "body", "body_file")
        return self
