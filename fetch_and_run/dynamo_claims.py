"""Claims on AWS: an item for each attempt, in the table of jobs, written on a condition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from fetch_and_run.claim_form import moment_text, of_progress, read, with_links, with_outputs
from fetch_and_run.claims import Claim, Progress, lost
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.identity import Identity

KEEP = timedelta(days=90)  # as long as the details of a run are kept
_MOST_ROUNDS = 10  # of outputs that others of the same job add at the same time
_OURS = "(attribute_not_exists(#owner) OR #owner = :owner)"
_NOTHING: dict[str, Any] = {"M": {}}

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Setting:
    """One member that is set; `is_on` None sets it whatever it was."""

    member: str
    value: Item
    is_on: Item | None = None  # what it must be until then

    def condition(self) -> str:
        """What must hold besides that the claim is ours."""
        return "" if self.is_on is None else f" AND #{self.member} = :seen"


class DynamoClaims:
    """Items of `table` with run "#claim#<run>" and jobName "<job>#<attempt>[:<index>]".

    `client` is boto3's of DynamoDB: UpdateItem and GetItem are all that it is asked for.
    """

    def __init__(self, client: Any, table: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def take(self, who: Identity, now: datetime) -> Claim:
        return read(_shape(self._held(who, now)))

    def tell_progress(self, who: Identity, progress: Progress) -> None:
        self._held(who, self._now(), _Setting("progress", _value(of_progress(progress))))

    def tell_remote(self, who: Identity, remote: Mapping[str, str]) -> None:
        self._held(who, self._now(), _Setting("remote", _value(remote)))

    def tell_outputs(self, who: Identity, outputs: Mapping[str, str]) -> None:
        self._add(who, "outputs", lambda claim: with_outputs(claim, outputs).outputs)

    def tell_links(self, who: Identity, links: Mapping[str, str]) -> None:
        self._add(who, "links", lambda claim: with_links(claim, links).links)

    def _add(self, who: Identity, member: str, added: Callable[[Claim], Mapping[str, str]]) -> None:
        """Add to a map while it is as it was read: no condition can count what it would become."""
        item = self._held(who, self._now())
        for _ in range(_MOST_ROUNDS):
            both = _value(added(read(_shape(item))))
            if self._update(who, self._now(), _Setting(member, both, item[member])) is not None:
                return
            item = self._held(who, self._now())
        raise JobError(
            Exit.NO_CLAIMS,
            f"{member}: others of this job changed them at the same time, again and again; "
            "none of these was added",
        )

    def _held(self, who: Identity, now: datetime, setting: _Setting | None = None) -> Item:
        """The item, claimed and changed. Raises JobError, LOST_CLAIM."""
        item = self._update(who, now, setting)
        if item is None:
            found = self._asked("get_item", Key=_key(who), ConsistentRead=True).get("Item", {})
            raise lost(who, str(_shape(found).get("owner", "of someone else")))
        return item

    def _update(self, who: Identity, now: datetime, setting: _Setting | None) -> Item | None:
        """The item after the change; None when it is not ours, or not as it was seen."""
        given: dict[str, Any] = {
            "owner": {"S": who.owner},
            "claimedAt": {"S": moment_text(now)},
            "expiresAt": {"N": str(int((now + KEEP).timestamp()))},
            "remote": _NOTHING,
            "outputs": _NOTHING,
            "links": _NOTHING,
        }
        set_now = {"owner"} | ({setting.member} if setting else set())
        given |= {setting.member: setting.value} if setting else {}
        changes = ", ".join(
            f"#{name} = " + (f":{name}" if name in set_now else f"if_not_exists(#{name}, :{name})")
            for name in given
        )
        seen = {":seen": setting.is_on} if setting and setting.is_on is not None else {}
        try:
            answer = self._asked(
                "update_item",
                Key=_key(who),
                UpdateExpression=f"SET {changes}",
                ConditionExpression=_OURS + (setting.condition() if setting else ""),
                ExpressionAttributeNames={f"#{name}": name for name in given},
                ExpressionAttributeValues={f":{name}": value for name, value in given.items()}
                | seen,
                ReturnValues="ALL_NEW",
            )
        except _ConditionFailed:
            return None
        return cast("Item", answer["Attributes"])

    def _asked(self, operation: str, **request: Any) -> dict[str, Any]:
        ask = getattr(self._client, operation)
        try:
            answer: dict[str, Any] = ask(TableName=self._table, **request)
        except (BotoCoreError, ClientError) as error:
            if _code(error) == "ConditionalCheckFailedException":
                raise _ConditionFailed from error
            raise JobError(
                Exit.NO_CLAIMS,
                f"claims in table {self._table} could not be reached: {error}; nothing was begun",
            ) from error
        return answer


class _ConditionFailed(Exception):  # noqa: N818 -- an answer, not a fault
    """Somebody else was there before."""


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _key(who: Identity) -> Item:
    index = f":{who.index}" if who.index else ""
    return {
        "run": {"S": f"#claim#{who.run}"},
        "jobName": {"S": f"{who.job}#{who.attempt}{index}"},
    }


def _value(plain: Any) -> Item:
    """As DynamoDB writes it."""
    if isinstance(plain, Mapping):
        return {"M": {name: _value(value) for name, value in plain.items()}}
    return {"S": plain} if isinstance(plain, str) else {"N": str(plain)}


def _shape(item: Item) -> dict[str, Any]:
    """An item's members as they would be in JSON."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Item) -> Any:
    [(kind, content)] = value.items()
    if kind == "M":
        return _shape(content)
    return float(content) if kind == "N" else content
