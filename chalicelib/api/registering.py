"""Every blueprint of the HTTP API, with the authorizer before it."""

from typing import Any

from chalice.app import Chalice

from chalicelib.api.runs import runs
from chalicelib.api.service import service

RESOURCES = (service, runs)


def register(app: Chalice, authorizer: Any) -> None:
    """Add all routes to an app."""
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint(authorizer))
