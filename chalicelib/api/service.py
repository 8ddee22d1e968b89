"""What the service says of itself."""

from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource
from chalicelib.api.models import Nothing
from chalicelib.api.openapi import description

service = Resource(__name__)


@service.handles("health")
def health(desk: Desk) -> Answer:
    """That it answers; the store is not asked, so that its troubles don't end us."""
    del desk
    return Answer(body={"status": "ok"})


@service.handles("openapi")
def openapi(desk: Desk) -> Answer:
    """The description of this API."""
    desk.query(Nothing)
    return Answer(body=description(desk.access))
