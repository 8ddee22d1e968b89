"""What acts answer."""

from http import HTTPStatus

from chalicelib.api.answering import Answer
from chalicelib.api.problems import RefusedError
from chalicelib.core.run import RunHeader
from chalicelib.errors import Problem
from chalicelib.services.shape_types import DroppedStartShape, OperationShape, WaitingShape
from chalicelib.services.shapes import run_shape
from chalicelib.services.timing_shapes import dropped_shape, waiting_shape
from chalicelib.services.waiting_starts import Dropped, Waiting


def accepted(taken: RunHeader | Waiting | Dropped) -> Answer:
    """That something was taken on, and where to look at what becomes of it."""
    body = run_shape(taken) if isinstance(taken, RunHeader) else start_shape(taken)
    return Answer(body=body, status=HTTPStatus.ACCEPTED, location=f"/runs/{taken.run_id}")


def start_shape(start: Waiting | Dropped) -> WaitingShape | DroppedStartShape:
    """A start that is no run yet, or will be none."""
    return waiting_shape(start) if isinstance(start, Waiting) else dropped_shape(start)


def operated(shape: OperationShape) -> Answer:
    """What was changed. Raises RefusedError when everything was refused."""
    if shape["changed"] or not shape["refused"]:
        return Answer(body=shape)
    problems = [Problem(each["jobName"], each["reason"]) for each in shape["refused"]]
    told = "Nothing was changed: none of the jobs allows it."
    raise RefusedError(HTTPStatus.CONFLICT, told, tuple(problems))
