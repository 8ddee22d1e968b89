"""Every blueprint of the HTTP API, with the authorizer before it."""

from chalice.app import Chalice

from chalicelib.api.entry import Entry
from chalicelib.api.run_acts import run_acts
from chalicelib.api.run_views import run_views
from chalicelib.api.runs import runs
from chalicelib.api.schedules import schedules
from chalicelib.api.service import service
from chalicelib.api.timing import timing
from chalicelib.api.tokens import tokens

RESOURCES = (service, schedules, timing, runs, run_views, run_acts, tokens)


def register(app: Chalice, entry: Entry) -> None:
    """Add all routes to an app."""
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint(entry))
