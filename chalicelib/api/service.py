"""What the service says of itself."""

from chalicelib.api.answering import Answer
from chalicelib.api.desk import Desk, Resource

service = Resource(__name__)


@service.handles("health")
def health(desk: Desk) -> Answer:
    """That it answers; the store is not asked, so that its troubles don't end us."""
    del desk
    return Answer(body={"status": "ok"})
