"""A request as work: asked once, or as often as that does no harm, and followed where it leads."""

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from fetch_and_run.claim_form import MAX_VALUE
from fetch_and_run.exits import Exit, JobError
from fetch_and_run.telling import checked as checked_value
from fetch_and_run.web.rules import AGAIN, Condition, Statuses, filled, first_met, retry_after, said
from fetch_and_run.web.urls import checked, led_to, origin, shown
from fetch_and_run.web.wire import Answer, LostError, NotSentError, Request, Wire
from fetch_and_run.work import AgainError, InDoubtError, Outcome, Remote
from fetch_and_run.world import World

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110, 9.2.2
# A gateway that says these does not know what the server behind it did.
IN_DOUBT = frozenset({502, 504})
ENDED = frozenset({404, 409, 410})  # what a cancel meets when the work has ended
MOST_UNSEEN = 5  # refusals in a row before what is followed counts as out of sight
# Members of `remote`: what is polled, and what ends it; or how it was answered for good.
URL, CANCEL = "url", "cancel"
STATUS, OUTPUT, FAULT, LACK = "status", "output.", "fault", "lack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    request: Request
    expect: Statuses
    key_header: str | None = None  # bears the token, so that the request may be repeated
    poll: str | None = None
    until: tuple[Condition, ...] = ()
    fail: tuple[Condition, ...] = ()
    cancel: str | None = None  # a URL, or POLLED
    cancel_method: str = "DELETE"
    outputs: Mapping[str, str] = field(default_factory=dict)  # by name: a member of the answer
    plain: bool = False
    prints: bool = False


POLLED = "poll"  # as the URL of a cancel: the one that is polled


class HttpWork:
    """One request, and what it has begun."""

    settling = 0.0

    def __init__(self, wish: Wish, wire: Wire, world: World) -> None:
        self._wish, self._wire, self._world = wish, wire, world
        self._not_before: datetime | None = None
        self._unseen = 0
        self._is_cancelled = False

    @property
    def what(self) -> str:
        return f"{self._wish.request.method} {shown(self._wish.request.url)}"

    @property
    def _is_repeatable(self) -> bool:
        return self._wish.request.method in IDEMPOTENT or self._wish.key_header is not None

    def start(self, token: str) -> Remote:
        self._wait_as_asked()
        request = self._wish.request
        if self._wish.key_header:
            request = replace(request, headers={**request.headers, self._wish.key_header: token})
        try:
            answer = self._wire.ask(request)
        except NotSentError as error:
            raise AgainError(str(error)) from error
        except LostError as error:
            raise InDoubtError(str(error)) from error
        if answer.status in self._wish.expect:
            return self._begun(answer)
        if answer.status in AGAIN and self._is_repeatable:
            self._put_off(answer)
        if answer.status in IN_DOUBT:
            raise InDoubtError(f"a gateway {self._words(answer)}")
        raise JobError(Exit.FAILED, f"{self.what} {self._words(answer)}")

    def find(self, token: str) -> Remote | None:
        if self._is_repeatable:
            return None
        raise InDoubtError(
            f"a {self._wish.request.method} may have been done although no answer came; "
            "--idempotency-key makes it safe to repeat where the service knows such keys"
        )

    def _begun(self, answer: Answer) -> Remote:
        document = _document(answer)
        failed = first_met(self._wish.fail, document)
        if failed:
            raise JobError(Exit.FAILED, f"{self.what} was answered {failed}")
        try:
            polled = None if self._is_done(answer, document) else self._polled(answer, document)
            if polled is None:
                return self._done(answer, document)
            return {URL: polled, **self._cancelled_by(polled, document)}
        except JobError as error:  # it has begun: that must be on record, whatever is missing
            return {LACK: error.reason}

    def _cancelled_by(self, polled: str, document: object) -> Remote:
        cancel = self._wish.cancel
        if cancel is None:
            return {}
        return {CANCEL: polled if cancel == POLLED else filled(cancel, document)}

    def _is_done(self, answer: Answer, document: object) -> bool:
        if self._wish.until:
            return first_met(self._wish.until, document) is not None
        return answer.status != HTTPStatus.ACCEPTED

    def _polled(self, answer: Answer, document: object) -> str | None:
        """Where to look for the end; None when nothing says so."""
        if self._wish.poll:
            return filled(self._wish.poll, document)
        location = answer.headers.get("location")
        if location is not None:
            return led_to(answer.url, location)
        if self._wish.request.method == "GET":
            return self._wish.request.url
        if self._wish.until:
            raise JobError(
                Exit.UNKNOWN, f"{self.what} was answered without a Location: give --poll-url"
            )
        return None

    def _done(self, answer: Answer, document: object) -> Remote:
        outcome = self._answered(answer, document)
        if not outcome.succeeded:
            return {STATUS: str(answer.status), FAULT: outcome.reason}
        told = {f"{OUTPUT}{name}": value for name, value in outcome.outputs.items()}
        return {STATUS: str(answer.status), **told}

    def look(self, remote: Remote) -> Outcome | None:
        if LACK in remote:
            raise JobError(Exit.UNKNOWN, remote[LACK])
        if FAULT in remote:
            return Outcome(succeeded=False, reason=remote[FAULT])
        if STATUS in remote:
            status = remote[STATUS]
            told = {
                name.removeprefix(OUTPUT): value
                for name, value in remote.items()
                if name.startswith(OUTPUT)
            }
            return Outcome(
                succeeded=True, reason=f"was answered {status}", outputs={STATUS: status, **told}
            )
        answer = self._polled_answer(remote[URL])
        if answer.status in self._wish.expect or answer.status == HTTPStatus.ACCEPTED:
            self._unseen = 0
            return self._outcome(answer)
        if answer.status in ENDED and self._is_cancelled:
            return Outcome(succeeded=False, reason="is gone after it was cancelled")
        if answer.status in AGAIN:
            self._put_off(answer)
        self._unseen += 1
        if self._unseen < MOST_UNSEEN:
            raise AgainError(f"{shown(remote[URL])} {self._words(answer)}")
        raise JobError(Exit.UNKNOWN, f"{shown(remote[URL])} {self._words(answer)}")

    def _polled_answer(self, url: str) -> Answer:
        self._wait_as_asked()
        try:
            return self._wire.ask(self._also("GET", url))
        except (NotSentError, LostError) as error:
            raise AgainError(str(error)) from error

    def _also(self, method: str, url: str) -> Request:
        """A request besides the first; secrets go where it went, or where the command line says."""
        wish = self._wish
        checked(url, plain=wish.plain)
        meant = {
            origin(each) for each in (wish.request.url, wish.poll, wish.cancel) if each is not None
        }
        if wish.request.secrets and origin(url) not in meant:
            raise JobError(
                Exit.REFUSED,
                f"its answer leads to another host, {shown(url)}, which was not meant to get "
                "secrets; give it as --poll-url if it was",
            )
        return Request(
            method=method, url=url, headers=wish.request.headers, secrets=wish.request.secrets
        )

    def _outcome(self, answer: Answer) -> Outcome | None:
        document = _document(answer)
        failed = first_met(self._wish.fail, document)
        if failed:
            self._print(answer)
            return Outcome(succeeded=False, reason=f"has failed: its answer says {failed}")
        if not self._is_done(answer, document):
            self._note_wait(answer)
            return None
        return self._answered(answer, document)

    def _answered(self, answer: Answer, document: object) -> Outcome:
        """The outcome of work with this last answer: a failure where an output is not in it."""
        self._print(answer)
        outputs = {STATUS: str(answer.status)}
        for name, member in self._wish.outputs.items():
            try:
                outputs[name] = _output(document, member)
            except (LookupError, ArgumentTypeError) as error:
                reason = f"has succeeded, but its answer gives no output {name}: {error}"
                return Outcome(succeeded=False, reason=reason)
        return Outcome(succeeded=True, reason=f"was answered {answer.status}", outputs=outputs)

    def cancel(self, remote: Remote) -> None:
        if STATUS in remote:
            return
        if CANCEL not in remote:
            raise JobError(Exit.UNKNOWN, "it has no --cancel-url, and goes on")
        try:
            answer = self._wire.ask(self._also(self._wish.cancel_method, remote[CANCEL]))
        except (NotSentError, LostError) as error:
            raise AgainError(str(error)) from error
        if answer.status in AGAIN:
            raise AgainError(self._words(answer))
        if answer.status >= 300 and answer.status not in ENDED:
            raise JobError(Exit.UNKNOWN, f"its cancel {self._words(answer)}")
        self._is_cancelled = True

    def describe(self) -> Mapping[str, object]:
        wish, request = self._wish, self._wish.request
        body = None if request.body is None else request.body.decode("utf-8", "replace")
        parameters = {
            "url": request.url,
            "headers": {**request.headers, **dict.fromkeys(request.secrets, "(by reference)")},
            "body": body,
            "idempotencyKey": wish.key_header,
            "expect": wish.expect.text,
            "poll": wish.poll,
            "until": [str(each) for each in wish.until],
            "fail": [str(each) for each in wish.fail],
            "cancel": wish.cancel and f"{wish.cancel_method} {wish.cancel}",
            "outputs": dict(wish.outputs),
        }
        return {"service": "http", "operation": request.method, "parameters": parameters}

    # Time and words

    def _put_off(self, answer: Answer) -> None:
        self._note_wait(answer)
        raise AgainError(self._words(answer))

    def _note_wait(self, answer: Answer) -> None:
        now = self._world.now()
        seconds = retry_after(answer.headers.get("retry-after"), now)
        self._not_before = now + timedelta(seconds=seconds) if seconds else None

    def _wait_as_asked(self) -> None:
        """Until then nothing is asked, however often somebody wants to."""
        if self._not_before is not None and self._world.now() < self._not_before:
            raise AgainError(f"asked to wait until {self._not_before:%H:%M:%S} UTC")

    def _words(self, answer: Answer) -> str:
        try:
            phrase = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        except ValueError:
            phrase = str(answer.status)
        text = " ".join(self._without_secrets(answer.body[:1_000]).split())[:300]
        return f"answered {phrase}" + (f": {text}" if text else "")

    def _print(self, answer: Answer) -> None:
        if self._wish.prints:
            print(self._without_secrets(answer.body), file=self._world.out, flush=True)

    def _without_secrets(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        for secret in self._wish.request.secrets.values():
            # A server that quotes it may leave out the `Bearer` or `Basic` before it.
            text = text.replace(secret.rpartition(" ")[2], "(hidden)")
        return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", text)


def _output(document: object, member: str) -> str:
    """What a member says; raises LookupError, ArgumentTypeError."""
    value = said(document, member)
    if value is None:
        raise LookupError(f"{member} is not in it")
    return checked_value(value, MAX_VALUE)


def _document(answer: Answer) -> object:
    """The answer as JSON; None for anything else."""
    try:
        document: object = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return None
    return document
