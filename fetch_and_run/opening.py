"""Where claims are, by the variable that says so."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from fetch_and_run.claims import WHERE, Claims
from fetch_and_run.exits import Exit, JobError


def open_claims(environment: Mapping[str, str], now: Callable[[], datetime]) -> Claims | None:
    """The claims that the environment names, or None. Raises JobError, NO_CLAIMS."""
    where = environment.get(WHERE, "")
    if not where:
        return None
    kind, _, place = where.partition(":")
    if kind == "directory" and place.startswith("/"):
        from fetch_and_run.directory_claims import DirectoryClaims

        return DirectoryClaims(Path(place), now)
    if kind == "dynamodb" and place:
        return _of_table(place, environment, now)
    raise JobError(
        Exit.NO_CLAIMS,
        f"{WHERE} is {where!r}, and would be directory:/path or dynamodb:table; nothing was begun",
    )


def _of_table(table: str, environment: Mapping[str, str], now: Callable[[], datetime]) -> Claims:
    import boto3  # takes a fifth of a second, which a claim in a directory needn't
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from fetch_and_run.dynamo_claims import DynamoClaims

    # At most about a minute, so that a job says that it can't begin while someone still looks.
    patience = Config(
        connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}
    )
    try:
        # Fargate says AWS_REGION, which boto3 does not read; None is its ordinary chain.
        region = environment.get("AWS_REGION")
        client = boto3.client("dynamodb", region_name=region, config=patience)
    except BotoCoreError as error:
        raise JobError(
            Exit.NO_CLAIMS, f"claims in table {table} can't be reached: {error}; nothing was begun"
        ) from error
    return DynamoClaims(client, table, now)
