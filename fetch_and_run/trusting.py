"""Whose certificates are trusted."""

import ssl
from collections.abc import Mapping

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.references import text_at


def trusted(reference: str | None, environment: Mapping[str, str]) -> ssl.SSLContext:
    """By the certificates at the reference alone, or else as the system trusts; raises JobError."""
    if reference is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=text_at(reference, environment))
    except (ssl.SSLError, ValueError) as error:
        raise JobError(Exit.REFUSED, f"what {reference} holds is no certificate in PEM") from error
