"""Who is told of what, as a document says it."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from chalicelib.core.fields import complaint
from chalicelib.core.model import Model
from chalicelib.core.notice_rules import USUAL, Format, Means, NoticeRule, Occasion, Receiver

_LONGEST_URL = 2048
# Printable ASCII, no blank; or what is shown of a URL, in the place of the stored one.
_URL = r"^https?://([!-~]+|[!-.0->@-~]+/…)$"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_ALLOWED = "https://HOST/…, or http://localhost/… for a receiver on this machine"
_OCCASIONS = ", ".join(f"`{each}`" for each in USUAL)
# SNS topic names: letters, digits, - and _, at most 256, .fifo behind those that keep an order.
_TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$"


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise complaint("is no URL", _ALLOWED) from None
    if parts.username is not None or parts.password is not None:
        raise complaint("has a user or a password in it", "a URL without; see `secret`")
    if parts.fragment:
        raise complaint("has a fragment (#…), which is sent to nobody", _ALLOWED)
    if parts.scheme == "http" and host not in _THIS_MACHINE:
        raise complaint("is not encrypted", _ALLOWED)
    if parts.scheme == "https" and not _is_reachable(host):
        raise complaint("names no host that a webhook may be at", _ALLOWED)
    return url


def _is_reachable(host: str) -> bool:
    """Say whether it is a name, or an address that is neither a cloud's metadata nor of nobody."""
    try:
        address = ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


class Webhook(Model):
    """A receiver by HTTP."""

    url: Annotated[
        str, Field(max_length=_LONGEST_URL, pattern=_URL), AfterValidator(_check_url)
    ] = Field(
        repr=False,
        description="Where it is posted to; `https://` only, or `http://` on this machine. Of it,"
        " only the host is ever shown, as `https://HOST/…`; put so, the stored one stays.",
    )
    secret: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = Field(
        None,
        description="Name of what signs: on one machine a variable of the environment, on AWS a"
        " parameter of SSM under `/batch-scheduler/STAGE/`. Never the secret itself.",
    )
    format: Literal["json", "slack"] = Field(
        "json", description="What is sent: all of it as `json`, or one text as `slack` takes it."
    )


class NotifyRule(Model):
    """One receiver, a `webhook`, a `topic` or the `log`, and what it is told of."""

    on: (
        Annotated[
            list[
                Literal[
                    "jobFailed",
                    "failed",
                    "succeeded",
                    "recovered",
                    "stuck",
                    "missed",
                    "overlapSkipped",
                    "driverFailed",
                ]
            ],
            Field(min_length=1, max_length=len(Occasion)),
        ]
        | None
    ) = Field(None, description=f"What it is told of; {_OCCASIONS} unless given.")
    webhook: Webhook | None = Field(None, description="A receiver by HTTP.")
    topic: Annotated[str, Field(pattern=_TOPIC)] | None = Field(
        None, description="ARN of an SNS topic; on AWS only."
    )
    log: Literal[True] | None = Field(None, description="Write it into the scheduler's own log.")

    @model_validator(mode="after")
    def _has_one_receiver(self) -> Self:
        given = [each for each in (self.webhook, self.topic, self.log) if each is not None]
        if len(given) != 1:
            reason = "names several receivers" if given else "names no receiver"
            raise complaint(reason, "one of webhook, topic and log")
        return self

    @property
    def frozen(self) -> NoticeRule:
        """The rule as runs have it."""
        on = tuple(dict.fromkeys(map(Occasion, self.on))) if self.on else USUAL
        return NoticeRule(on=on, receiver=self._receiver)

    @property
    def _receiver(self) -> Receiver:
        if self.webhook is not None:
            return Receiver(
                means=Means.WEBHOOK,
                address=self.webhook.url,
                secret=self.webhook.secret or "",
                format=Format(self.webhook.format),
            )
        if self.topic is not None:
            return Receiver(means=Means.TOPIC, address=self.topic)
        return Receiver(means=Means.LOG)
