"""A connection of the local server, on a pair of sockets: who is too slow, what is sent."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from chalicelib.api.local_gateway import Asked, Reply
from chalicelib.core.access import Principal, Role
from chalicelib.serving.connections import Connection, Patience
from chalicelib.serving.heads import Head
from chalicelib.serving.workers import Workers
from tests.functional.hosts import until

QUICK = Patience(idle=0.05, head=0.05, body=0.05)
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def welcome(head: Head) -> None:
    """Let everybody in."""
    del head


def echo(asked: Asked) -> Reply:
    return Reply(200, [("Content-Type", "text/plain")], asked.body or asked.target.encode())


def everybody(asked: Asked) -> Asked:
    """Take everybody's body."""
    return asked


def nobody(asked: Asked) -> Reply:
    return Reply(401, [], asked.body)


def breaks(asked: Asked) -> Reply:
    raise RuntimeError(asked.target)


@contextmanager
def connected(patience: Patience = QUICK, answer: object = echo) -> Iterator[socket.socket]:
    """The client's end of a connection that is served."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours, welcome, answer, everybody, patience)  # type: ignore[arg-type] # see breaks
    thread = threading.Thread(target=connection.serve)
    thread.start()
    theirs.settimeout(10)
    with theirs:
        yield theirs
    thread.join()


def all_of(channel: socket.socket) -> bytes:
    """What comes until the other end closes."""
    found = b""
    while chunk := channel.recv(65536):
        found += chunk
    return found


def test_who_does_not_ask_is_left_without_a_word() -> None:
    with connected() as channel:
        assert all_of(channel) == b""


def test_a_head_that_does_not_come_whole_in_its_time_is_refused() -> None:
    with connected(Patience(idle=10, head=0.05)) as channel:
        channel.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert all_of(channel).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_each_byte_of_a_slow_head_buys_no_more_time() -> None:
    with connected(Patience(idle=10, head=0.2)) as channel:
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.02):
                try:
                    channel.sendall(b"G")
                except OSError:
                    return

        slow = threading.Thread(target=drip)
        slow.start()
        assert b"408" in channel.recv(100)
        stop.set()
        slow.join()


def test_a_body_that_does_not_come_in_its_time_is_refused() -> None:
    with connected(Patience(idle=10, head=10, body=0.05)) as channel:
        head = b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
        channel.sendall(head + b"abc")
        assert all_of(channel).startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_nobody_takes_ends_the_connection() -> None:
    def long(asked: Asked) -> Reply:
        del asked
        return Reply(200, [], b"x" * 20_000_000)

    with connected(Patience(idle=10, head=10, body=0.05), long) as channel:
        channel.sendall(REQUEST)
        hung_up = select.poll()
        hung_up.register(channel, 0)
        assert hung_up.poll(10_000)
        assert len(all_of(channel)) < 20_000_000


def test_what_was_asked_before_no_more_was_wanted_is_answered() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, welcome, echo, everybody)
        theirs.sendall(REQUEST)
        connection.retire()
        connection.serve()
        assert b"\r\nConnection: close\r\n" in all_of(theirs)


def test_a_client_that_leaves_in_the_middle_is_no_matter() -> None:
    with connected() as channel:
        channel.sendall(
            b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nab"
        )


def test_a_bug_costs_one_connection() -> None:
    with connected(answer=breaks) as channel:
        channel.sendall(REQUEST)
        assert all_of(channel) == b""


def test_an_answer_without_a_body_has_none_and_what_follows_is_read() -> None:
    def nothing(asked: Asked) -> Reply:
        return Reply(304 if asked.target == "/" else 204, [("ETag", '"1"')], b"")

    with connected(answer=nothing) as channel:
        channel.sendall(REQUEST + REQUEST.replace(b"GET /", b"GET /x"))
        first, second, rest = all_of(channel).split(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 304 Not Modified\r\n")
        assert second.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Content-Length" not in first + second + rest


def test_only_the_head_is_sent_to_who_asks_for_that() -> None:
    with connected() as channel:
        channel.sendall(REQUEST.replace(b"GET", b"HEAD"))
        assert all_of(channel).endswith(b"Content-Length: 1\r\n\r\n")


@contextmanager
def workplace() -> Iterator[None]:
    yield


ENDLESS = b"\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"


def test_a_head_alone_is_all_that_is_refused_to_who_asks_for_that() -> None:
    with connected() as channel:
        channel.sendall(REQUEST.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", ENDLESS))
        answer = all_of(channel)
    assert answer.startswith(b"HTTP/1.1 411 Length Required\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_who_was_recognised_before_the_body_came_is_told_with_the_request() -> None:
    def recognised(asked: Asked) -> Asked:
        return replace(asked, principal=Principal(actor="ann", role=Role.VIEWER))

    def whose(asked: Asked) -> Reply:
        who = asked.principal.actor if asked.principal else "somebody"
        return Reply(200, [], who.encode() + b" " + asked.body)

    ours, theirs = socket.socketpair()
    connection = Connection(ours, welcome, whose, recognised, QUICK)
    thread = threading.Thread(target=connection.serve)
    thread.start()
    theirs.settimeout(10)
    with theirs:
        theirs.sendall(BODY + b"12345" + REQUEST)
        first, second = all_of(theirs).split(b"HTTP/1.1 200 OK")[1:]
    thread.join()
    assert (first[-9:], second[-9:]) == (b"ann 12345", b"somebody ")


def test_who_is_not_let_in_is_told_so_before_a_body_comes() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, welcome, breaks, nobody)
        thread = threading.Thread(target=connection.serve)
        thread.start()
        theirs.settimeout(10)
        theirs.sendall(BODY)
        assert all_of(theirs).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    thread.join()


@pytest.mark.parametrize("sent", [b"", b"POST / HT", BODY, BODY + b"abc"])
def test_who_does_not_finish_before_he_is_let_in_gives_way(sent: bytes) -> None:
    workers = Workers(1, workplace)
    ours, theirs = socket.socketpair()
    other, end = socket.socketpair()
    with theirs, end:
        slow = Connection(ours, welcome, breaks, nobody, Patience(head=60))
        assert workers.take(slow)
        theirs.settimeout(10)
        theirs.sendall(sent)
        if sent.startswith(BODY):
            assert theirs.recv(100).startswith(b"HTTP/1.1 401 ")
        else:
            until(lambda: not select.select([ours], [], [], 0)[0])  # all of it was read
        until(lambda: slow.waits_since is not None)
        assert workers.take(Connection(other, welcome, echo, everybody))
        end.settimeout(10)
        end.sendall(REQUEST)
        assert end.recv(100).startswith(b"HTTP/1.1 200 ")
    workers.close(10, time.monotonic)


def test_when_all_workers_are_busy_nobody_more_is_taken() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(asked: Asked) -> Reply:
        begun.set()
        go_on.wait(10)
        return echo(asked)

    workers = Workers(1, workplace)
    ours, theirs = socket.socketpair()
    with theirs:
        assert workers.take(Connection(ours, welcome, slow, everybody))
        theirs.sendall(REQUEST)
        begun.wait(10)
        other, end = socket.socketpair()
        with other, end:
            assert not workers.take(Connection(other, welcome, slow, everybody))
        assert not workers.close(0.01, iter((0.0, 0.0, 1.0)).__next__)
        go_on.set()
        assert all_of(theirs) == b""
