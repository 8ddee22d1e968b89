"""What each handler has at hand, and how handlers become routes of the table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib.api import asking, problems
from chalicelib.api.answering import Answer, is_behind_api_gateway, sent, text_of
from chalicelib.api.entry import Entry
from chalicelib.api.problems import RefusedError
from chalicelib.api.routes import OF_OPERATION, Route
from chalicelib.bootstrap import served
from chalicelib.config import Access
from chalicelib.core.access import Decision, Principal, Role, decide
from chalicelib.core.fields import SCHEDULE_ID
from chalicelib.core.lifecycle import Act
from chalicelib.core.naming import parse_start, run_id
from chalicelib.core.operating import Order
from chalicelib.core.run import RunHeader
from chalicelib.errors import BusyError, InvalidInputError, SchedulerError
from chalicelib.ports import Ports, StoredSchedule
from chalicelib.services.repeating import Claim, Reply, Turn, once
from chalicelib.services.served import Served
from chalicelib.services.tokens import note_use
from chalicelib.store_words import no_run, no_schedule

M = TypeVar("M", bound=BaseModel)
Handler = TypeVar("Handler", bound=Callable[..., Answer])

HANDLER = "http_"  # before an operation's name in the app, whose functions have names like it
_MOMENT = 1  # s until the same is asked again: few requests take longer
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NOBODY = Principal(actor="", role=Role.VIEWER, scopes=())  # who asks without a token: sees nothing


@dataclass(frozen=True, slots=True)
class Desk:
    """One request: what was asked, by whom, and what there is to work with."""

    request: Request
    principal: Principal
    path: Mapping[str, str]  # its variable parts
    access: Access  # how this API recognises who asks

    @property
    def served(self) -> Served:
        return served()

    @property
    def ports(self) -> Ports:
        return self.served.ports

    @property
    def now(self) -> datetime:
        return self.ports.clock()

    def query(self, model: type[M]) -> M:
        """The query by its model. Raises InvalidInputError."""
        return asking.query(self.request, model)

    def body(self, model: type[M]) -> M:
        """The JSON body by its model. Raises InvalidInputError."""
        return asking.body(self.request, model)

    @property
    def run_id(self) -> str:
        """The run that the path names, its start in the one way we write it."""
        try:
            return run_id(self.path["schedule_id"], parse_start(self.path["started_at"]))
        except InvalidInputError as error:
            raise no_run(_named(self.path)) from error

    @property
    def run(self) -> RunHeader:
        """The run that the path names. Raises NotFoundError."""
        return self.ports.runs.get_header(self.run_id)

    @property
    def schedule_id(self) -> str:
        """The schedule that the path names."""
        return self.path["schedule_id"]

    def schedule(self, version: int | None) -> StoredSchedule:
        """A version of the schedule that the path names. Raises NotFoundError."""
        return self.ports.schedules.get_schedule(self.schedule_id, version)

    def once(self, act: Callable[[Turn], Answer]) -> Answer:
        """The answer of an act, which a request with an Idempotency-Key does once."""
        if "idempotency-key" not in self.request.headers:
            return act(Turn(self.now))
        key = asking.header(self.request, "idempotency-key")
        if not _KEY.fullmatch(key):
            allowed = "up to 255 visible characters of ASCII"
            raise InvalidInputError.at("Idempotency-Key", "is no key", allowed=allowed)
        claim = Claim(
            key=_digest(self.principal.actor, key),
            digest=_digest(
                self.request.method, self.request.path, self.path, self.request.raw_body
            ),
            now=self.now,
        )
        reply = once(self.served.requests, claim, lambda turn: _reply(act, turn))
        return Answer(
            body=reply.body,
            status=HTTPStatus(reply.status),
            media_type=reply.media_type,
            location=reply.location,
        )

    def order(self, act: Act, reason: str, at: datetime, *, downstream: bool = False) -> Order:
        """An order of who is asking."""
        return Order(
            act=act, actor=self.principal.actor, reason=reason, at=at, downstream=downstream
        )


class Resource:
    """Handlers of one resource, each by the name of its operation in the table of routes."""

    def __init__(self, name: str) -> None:
        self.handlers: dict[str, Callable[..., Answer]] = {}
        self._name = name

    def handles(self, operation: str) -> Callable[[Handler], Handler]:
        """Make a function the handler of an operation."""

        def keep(handler: Handler) -> Handler:
            self.handlers[OF_OPERATION[operation].operation] = handler
            return handler

        return keep

    def blueprint(self, entry: Entry) -> Blueprint:
        """The routes, each behind the entry unless the table opens it to everybody."""
        made = Blueprint(self._name)
        for operation, handler in self.handlers.items():
            _add(made, OF_OPERATION[operation], handler, entry)
        return made


def _add(made: Blueprint, route: Route, handler: Callable[..., Answer], entry: Entry) -> None:
    def view(**path: str) -> Response:
        request = made.current_request
        return _respond(request, lambda: handler(_admit(request, route, path, entry)))

    options: dict[str, Any] = {} if route.role is None else {"authorizer": entry.authorizer}
    if entry.cors is not None:
        options["cors"] = entry.cors
    # No content types: what is not taken is told by a problem document of ours.
    name = HANDLER + route.operation
    made.route(route.path, methods=[route.method], name=name, content_types=[], **options)(view)


def _respond(request: Request, handle: Callable[[], Answer]) -> Response:
    """The answer of a handler, or the problem that it met."""
    try:
        return sent(request, handle())
    except Exception as error:  # whatever it is, the caller gets a problem document
        status, document = problems.told(error)
        answer = Answer(
            body=document,
            status=status,
            media_type=problems.MEDIA_TYPE,
            retry_after=_MOMENT if isinstance(error, BusyError) else 0,
        )
        return sent(request, answer)


def _admit(request: Request, route: Route, path: Mapping[str, str], entry: Entry) -> Desk:
    """Let in who may."""
    # Gateways differ in whether they decode; nothing that we take has a % in it.
    plain = {name: unquote(value) for name, value in path.items()}
    if route.role is None:
        return Desk(request, _NOBODY, plain, entry.access)
    principal = entry.recognise(request)
    desk = Desk(request, principal, plain, entry.access)
    if is_behind_api_gateway(request):  # elsewhere whoever has recognised the token notes it
        note_use(desk.served.access.tokens, principal, desk.now)
    schedule_id = plain.get("schedule_id")
    decision = decide(route, principal, schedule_id)
    if decision is Decision.FORBIDDEN:
        told = f"This needs the role {route.role.word}; {principal.actor} is {principal.role.word}."
        raise RefusedError(HTTPStatus.FORBIDDEN, told)
    if decision is Decision.ALLOW and route.operation == "put_schedule":
        _check_new_id(plain["schedule_id"])
    is_id = schedule_id is None or re.fullmatch(SCHEDULE_ID, schedule_id)
    if decision is Decision.HIDDEN or not is_id:
        # As what is not there: whoever may not see it must not learn that it is.
        raise (
            no_run(_named(plain))
            if "started_at" in plain
            else no_schedule(plain["schedule_id"], None)
        )
    return desk


def _check_new_id(schedule_id: str) -> None:
    """Say of what can be no id why it is none: nobody learns from it what is there."""
    if not re.fullmatch(SCHEDULE_ID, schedule_id):
        raise InvalidInputError.at("schedule_id", "is no id of a schedule", allowed=SCHEDULE_ID)


def _reply(act: Callable[[Turn], Answer], turn: Turn) -> Reply:
    """What is kept of an answer; that something failed is not kept, for it may go well later."""
    try:
        answer = act(turn)
    except (SchedulerError, RefusedError) as error:
        status, document = problems.told(error)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        answer = Answer(body=document, status=status, media_type=problems.MEDIA_TYPE)
    return Reply(
        status=answer.status.value,
        body=text_of(answer),
        media_type=answer.media_type,
        location=answer.location,
    )


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def _named(path: Mapping[str, str]) -> str:
    """A run's id as it is told of, in the one way we write it if it can be."""
    try:
        return run_id(path["schedule_id"], parse_start(path["started_at"]))
    except InvalidInputError:
        return f"{path['schedule_id']}/{path['started_at']}"
