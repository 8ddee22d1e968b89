"""What acts answer."""

from http import HTTPStatus

from chalicelib.api.answering import Answer
from chalicelib.api.problems import RefusedError
from chalicelib.core.run import RunHeader
from chalicelib.errors import Problem
from chalicelib.services.requesting import Waiting
from chalicelib.services.shape_types import OperationShape
from chalicelib.services.shapes import run_shape
from chalicelib.services.timing_shapes import waiting_shape


def accepted(taken: RunHeader | Waiting) -> Answer:
    """That something was taken on, and where to look at what becomes of it."""
    body = run_shape(taken) if isinstance(taken, RunHeader) else waiting_shape(taken)
    return Answer(body=body, status=HTTPStatus.ACCEPTED, location=f"/runs/{taken.run_id}")


def operated(shape: OperationShape) -> Answer:
    """What was changed. Raises RefusedError when everything was refused."""
    if shape["changed"] or not shape["refused"]:
        return Answer(body=shape)
    problems = [Problem(each["jobName"], each["reason"]) for each in shape["refused"]]
    told = "Nothing was changed: none of the jobs allows it."
    raise RefusedError(HTTPStatus.CONFLICT, told, tuple(problems))
