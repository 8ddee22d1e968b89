"""Messages to people by SNS."""

import unicodedata

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import translated
from chalicelib.driving_ports import Notice

_MAX_SUBJECT = 99  # characters: fewer than 100 (API_Publish)
_MAX_MESSAGE = 262_144  # bytes (API_Publish)
_ATTRIBUTES = 1024  # bytes kept free, in case that attributes count too
_CUT = "\n[cut: the rest is longer than SNS can send]"
_ID = "id"  # the attribute by which a receiver tells a second delivery


class SnsNotices:
    """Publishes to the topic that a notice names, or else to the default one."""

    def __init__(self, clients: Clients, topic_arn: str) -> None:
        self._clients = clients
        self._topic_arn = topic_arn

    def publish(self, notice: Notice) -> None:
        subject = subject_of(notice.subject)
        with translated("SNS", "Publish"):
            self._clients["sns"].publish(
                TopicArn=notice.topic or self._topic_arn,
                Subject=subject,
                Message=message_of(notice.message) or subject,
                MessageAttributes={_ID: {"DataType": "String", "StringValue": notice.id}},
            )


def subject_of(text: str) -> str:
    """The text as SNS takes it: printable ASCII on one line, beginning with no space, not empty."""
    plain = unicodedata.normalize("NFKD", text)
    letters = (
        character if " " <= character <= "~" else " " if character.isspace() else "?"
        for character in plain
        if not unicodedata.combining(character)
    )
    subject = " ".join("".join(letters).split())
    if len(subject) > _MAX_SUBJECT:
        subject = subject[: _MAX_SUBJECT - 3] + "..."
    return subject or "batch-scheduler"


def message_of(text: str) -> str:
    """The text, cut between two characters if it is too long; what no one can read is replaced."""
    most = _MAX_MESSAGE - _ATTRIBUTES
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most:
        return encoded.decode()
    return encoded[: most - len(_CUT)].decode("utf-8", "ignore") + _CUT
