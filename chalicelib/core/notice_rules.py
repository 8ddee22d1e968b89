"""Who is told of what: the rules of a schedule, as its runs freeze them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

_DIGEST = 16  # hexadecimal digits


class Occasion(StrEnum):
    """What people may be told of."""

    JOB_FAILED = "jobFailed"  # the first job of a run has failed, and the run goes on
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    RECOVERED = "recovered"  # succeeded after a failure: of the run before, or before a restart
    STUCK = "stuck"  # a job waits in RUNNABLE for too long, or its queue is blocked
    MISSED = "missed"  # a fire time passed and no run was started for it
    OVERLAP_SKIPPED = "overlapSkipped"  # no run was started, because another one went on
    DRIVER_FAILED = "driverFailed"  # on AWS: nobody drives the run for now


USUAL = (Occasion.FAILED, Occasion.RECOVERED, Occasion.STUCK, Occasion.MISSED)


class Means(StrEnum):
    """How a notice is handed over."""

    WEBHOOK = "webhook"
    TOPIC = "topic"
    LOG = "log"


class Format(StrEnum):
    """What a webhook is sent."""

    JSON = "json"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where notices go. The address may hold a token, so it is shown nowhere: `name` is."""

    means: Means
    address: str = field(default="", repr=False)  # a URL or an ARN
    secret: str = ""  # the name of what signs, never the secret itself
    format: Format = Format.JSON

    @property
    def name(self) -> str:
        """For people: of a URL the host alone."""
        names = {
            Means.WEBHOOK: f"the webhook at {host_of(self.address)}",
            Means.TOPIC: f"the topic {self.address}",
            Means.LOG: "the log",
        }
        return names[self.means]

    @property
    def digest(self) -> str:
        """Tells receivers apart."""
        return digest_of(self.means, self.address, self.secret, self.format)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRule:
    """What one receiver is told of."""

    on: tuple[Occasion, ...]
    receiver: Receiver


def wanted(rules: Iterable[NoticeRule], occasions: Iterable[Occasion]) -> bool:
    """Say whether anybody wants to be told of one of these."""
    asked = frozenset(occasions)
    return any(not asked.isdisjoint(rule.on) for rule in rules)


def host_of(url: str) -> str:
    """All of a URL that may be shown."""
    return url.partition("://")[2].partition("/")[0].partition("?")[0]


def shown_url(url: str) -> str:
    """A URL as it may be shown: marked where it is cut off. The same of what was shown."""
    return f"{url.partition('://')[0]}://{host_of(url)}/…"


def with_hosts_alone(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document as it may be shown: of each webhook's URL the host alone.

    What is cut off is marked, and put back by `core.webhook_urls`.
    """
    rules = [_with_host_alone(rule) for rule in document.get("notify") or ()]
    return {**document, "notify": rules} if rules else dict(document)


def _with_host_alone(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    webhook = rule.get("webhook")
    if not webhook:
        return rule
    return {**rule, "webhook": {**webhook, "url": shown_url(webhook["url"])}}


def digest_of(*parts: str) -> str:
    """The same for the same texts, and for no others."""
    return sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:_DIGEST]


def encode_receiver(receiver: Receiver) -> dict[str, Any]:
    """As a record; what has its default is left out."""
    record = {"means": str(receiver.means), "address": receiver.address, "secret": receiver.secret}
    record["format"] = "" if receiver.format is Format.JSON else str(receiver.format)
    return {key: value for key, value in record.items() if value}


def decode_receiver(record: Mapping[str, Any]) -> Receiver:
    return Receiver(
        means=Means(record["means"]),
        address=record.get("address", ""),
        secret=record.get("secret", ""),
        format=Format(record.get("format", Format.JSON)),
    )


def encode_rules(rules: Iterable[NoticeRule]) -> list[dict[str, Any]]:
    return [{"on": [str(each) for each in rule.on], **encode_receiver(rule.receiver)}
            for rule in rules]  # fmt: skip


def decode_rules(records: Iterable[Mapping[str, Any]]) -> tuple[NoticeRule, ...]:
    """Tolerant: occasions that a newer version knows are left out."""
    return tuple(
        NoticeRule(
            on=tuple(Occasion(word) for word in record["on"] if word in _OCCASIONS),
            receiver=decode_receiver(record),
        )
        for record in records
    )


_OCCASIONS = frozenset(map(str, Occasion))
