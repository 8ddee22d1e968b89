"""The local server of one state directory, put together."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from chalicelib.api.local_gateway import (
    UNKNOWN,
    Asked,
    Gateway,
    Reply,
    failure,
    meant_by,
    refusal,
)
from chalicelib.bootstrap import OwnEdition
from chalicelib.config import Settings
from chalicelib.core.access import Principal
from chalicelib.core.tokens import borne
from chalicelib.errors import SchedulerError
from chalicelib.local.supervising import Supervised
from chalicelib.services import tokens
from chalicelib.serving import metrics
from chalicelib.serving.connections import Answer
from chalicelib.serving.listener import Listener
from chalicelib.serving.metrics import Metrics
from chalicelib.serving.own_token import OwnToken
from chalicelib.serving.stations import Stations
from chalicelib.serving.workers import Workers

logger = logging.getLogger(__name__)

MOST = 64  # connections at a time, each with a thread
DRAIN = 10.0  # s for requests in flight, once it is told to end
_TURN = 10.0  # s for the engine to finish what it is doing
_LOOK = 0.2  # s between two looks at the engine's process
_TOKEN_LOOK = 3600.0  # s between two looks at the age of the token


class Server:
    """What lives as long as the server: the socket, its threads, the engine's process."""

    def __init__(
        self,
        settings: Settings,
        place: tuple[str, int],
        engine: Sequence[str],
        own_token: OwnToken,
    ) -> None:
        """Take the port. Raises BackendError."""
        self._stations = Stations(settings)
        self._gateway = Gateway(self._recognise)
        workers = Workers(MOST, self._stations.workplace)
        self._listener = Listener(*place, workers, self._answer, self._admit)
        self._metrics = Metrics()
        self._engine = Supervised("The engine", engine, logger.warning)
        self._own_token = own_token
        # What only this server has, by its path; all else are routes of the HTTP API.
        self._pages: Mapping[str, Answer] = {metrics.PATH: self._tell_metrics}

    @property
    def port(self) -> int:
        return self._listener.port

    def run(self, edition: OwnEdition, wait: Callable[[float], bool]) -> None:
        """Serve until `wait`, for some seconds, says that it is over; finish what was begun."""
        self._listener.start()
        token_due = time.monotonic() + _TOKEN_LOOK
        try:
            self._look_after_engine()
            while not wait(_LOOK):
                self._look_after_engine()
                if time.monotonic() >= token_due:
                    token_due = time.monotonic() + _TOKEN_LOOK
                    self._renew_token(edition)
        finally:
            self._close()

    def _look_after_engine(self) -> None:
        if self._engine.look(time.monotonic()):
            self._metrics.note_start()

    def _renew_token(self, edition: OwnEdition) -> None:
        try:
            self._own_token.ensure(edition.access)
        except SchedulerError as error:  # there are days left to try it again
            logger.warning("The token was not renewed: %s", error)

    def _close(self) -> None:
        if not self._listener.close(DRAIN):
            logger.warning("Requests that took longer than %g s were not answered.", DRAIN)
        if not self._engine.end(_TURN):
            logger.warning("The engine did not finish its turn in time; it was ended.")

    def _answer(self, asked: Asked) -> Reply:
        began = time.perf_counter()
        answer = self._pages.get(asked.target, self._gateway.answer)
        reply = answer(asked)
        self._metrics.note(asked, reply, time.perf_counter() - began)
        return reply

    def _admit(self, asked: Asked) -> Reply | Asked:
        """The request with who asks; a refusal of who would send a body without a valid token."""
        began = time.perf_counter()
        found = self._gateway.admit(asked, UNKNOWN)
        if not isinstance(found, Reply):
            return replace(asked, principal=found)
        self._metrics.note(asked, found, time.perf_counter() - began)
        return found

    def _tell_metrics(self, asked: Asked) -> Reply:
        if meant_by(asked) != "GET":
            status, allow = HTTPStatus.METHOD_NOT_ALLOWED, [("Allow", "GET, HEAD")]
            return refusal(status, "GET and HEAD are taken here.", allow, metrics.PATH)
        found = asked.principal or self._gateway.admit(asked, metrics.PATH)
        if isinstance(found, Reply):
            return found
        if not found.sees(""):
            told = "This tells of all schedules; your token is for some of them."
            return refusal(HTTPStatus.FORBIDDEN, told, route=metrics.PATH)
        try:
            return self._metrics.page(self._stations.own.edition)
        except SchedulerError as error:
            return failure(error, metrics.PATH)

    def _recognise(self, header: str) -> Principal | None:
        access = self._stations.own.edition.access
        now = access.clock()
        found = tokens.authenticate(access.tokens, borne(header), now)
        if not isinstance(found, Principal):
            return None
        tokens.note_use(access.tokens, found, now)
        return found
