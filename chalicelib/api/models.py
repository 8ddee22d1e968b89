"""What may be asked: queries and bodies, as pydantic checks them and the pages describe them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from chalicelib.core.lifecycle import RunStatus

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
LARGEST = 2**31 - 1  # number that may be asked for: no store has to take a larger one

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[
    str, Field(max_length=1024, description="`nextCursor` of the page before; empty: the first.")
]


class Asked(BaseModel):
    """What all of them share: unknown names are refused, nothing changes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, allow_inf_nan=False
    )


class NoQuery(Asked):
    """Nothing."""


class RunsQuery(Asked):
    """Which runs."""

    schedule_id: str = Field("", description="Only runs of this schedule.")
    status: RunStatus | None = Field(None, description="Only runs of this status.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


class StartBody(Asked):
    """A run that is to be started."""

    schedule_id: str = Field(description="Of which schedule.")
    version: int | None = Field(
        None, ge=1, le=LARGEST, description="Of which version of it; the newest unless given."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Values for the parameters that it declares."
    )
    reason: str = Field("", max_length=1024, description="Why, for the audit trail.")
