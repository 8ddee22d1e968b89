"""DynamoDB's writes to one item, alone or as an action of a transaction: checked, then done."""

from collections.abc import Mapping
from typing import Any

from tests.strict.answers import AwsError, Params
from tests.strict.dynamodb_evaluating import Placeholders
from tests.strict.dynamodb_tables import Key, Stored, Table
from tests.strict.dynamodb_values import accepted_item, copied_item, invalid

_FAILED = "The conditional request failed"

Answer = dict[str, Any]


class Write:
    """One write to one item, checked but not done."""

    action = ""  # as a policy calls it
    is_check = False

    def __init__(self, table: Table, params: Params) -> None:
        self.table = table
        self.params = params
        self.words = Placeholders(params)
        self.condition = self.words.read("ConditionExpression")
        self.update = self.words.read("UpdateExpression")
        self.words.finish()
        self.key = self._key()
        self.old = table.items.get(self.key)
        self._check()

    def _key(self) -> Key:
        return self.table.key_of(self.params["Key"])

    def _check(self) -> None:
        """Refuse what is wrong whatever the item is."""

    def holds(self) -> bool:
        return self.words.holds(self.condition, self.old.item if self.old else {})

    def after(self) -> Stored | None:
        """What will be there. Raises ValidationException."""
        raise NotImplementedError

    def touched(self) -> set[str]:
        """The attributes that the write names."""
        return set()

    def told(self) -> Answer:
        """What a failed condition tells besides."""
        wanted = self.params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Item": copied_item(self.old.item)} if wanted and self.old else {}

    def refused(self) -> AwsError:
        """The answer to one alone whose condition does not hold."""
        return AwsError("ConditionalCheckFailedException", _FAILED, **self.told())

    def cancels(self) -> Answer:
        """Why this keeps a transaction from being done; empty for nothing."""
        if not self.holds():
            return {"Code": "ConditionalCheckFailed", "Message": _FAILED, **self.told()}
        try:
            self.after()
        except AwsError as error:
            return {"Code": "ValidationError", "Message": error.message}
        return {}

    def returned(self, new: Stored | None) -> Answer:
        """What ReturnValues asks for."""
        wanted = self.params.get("ReturnValues", "NONE")
        shown = new if wanted.endswith("NEW") else self.old
        if wanted == "NONE" or shown is None:
            return {}
        named = shown.item.keys() if wanted.startswith("ALL") else self.touched()
        kept = {name: value for name, value in shown.item.items() if name in named}
        return {"Attributes": copied_item(kept)} if kept else {}


class Put(Write):
    action = "dynamodb:PutItem"

    def _key(self) -> Key:
        self._stored = self.table.checked(self.params["Item"])
        return self.table.key_in(self._stored.item)

    def _check(self) -> None:
        if self.params.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
            raise invalid("Return values set to invalid value")

    def after(self) -> Stored | None:
        return self._stored


class Update(Write):
    action = "dynamodb:UpdateItem"

    def _check(self) -> None:
        keys = self.touched() & set(self.table.schema.keys)
        if keys:
            raise invalid(
                "One or more parameter values were invalid: Cannot update attribute "
                f"{min(keys)}. This attribute is part of the key"
            )

    def after(self) -> Stored | None:
        before = self.old.item if self.old else accepted_item(self.params["Key"])
        changed = before if self.update is None else self.words.updated(self.update, before)
        return self.table.checked(changed)

    def touched(self) -> set[str]:
        return {self.words.name(path) for _, path, _ in self.update or ()}


class Delete(Write):
    action = "dynamodb:DeleteItem"

    def _check(self) -> None:
        if self.params.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
            raise invalid("Return values set to invalid value")

    def after(self) -> Stored | None:
        return None


class ConditionCheck(Write):
    action = "dynamodb:ConditionCheckItem"
    is_check = True

    def after(self) -> Stored | None:
        return self.old


WRITES: Mapping[str, type[Write]] = {
    "Put": Put,
    "Update": Update,
    "Delete": Delete,
    "ConditionCheck": ConditionCheck,
}
"""By the member of an action of a transaction."""


def kind_of(action: Params) -> str:
    """Which of the members an action has. Raises ValidationException unless it is one."""
    kinds = [kind for kind in WRITES if kind in action]
    if len(kinds) != 1:
        raise invalid(
            "TransactItems can only contain one of Check, Put, Update or Delete for each item"
        )
    return kinds[0]
