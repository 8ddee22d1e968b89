"""Who may speak to the local server: nobody whose request was not meant for it."""

import random
from collections.abc import Iterator

import pytest

from tests.functional.serving.servers import LocalServer

NAMES = ("127.0.0.1", "localhost", "[::1]")
# Names that lead, led or look like they lead to this machine.
STRANGERS = (
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.localhost",
    "7f000001.0a000001.rbndr.us", "127-0-0-1.nip.io", "127.0.0.1.", "localhost.", "[::1].",
    "127.1", "127.0.1", "0.0.0.0", "0",  # noqa: S104 - a name, nothing binds to it
    "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.2",
    "::1", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[::1", "::1]",
    "user@127.0.0.1", "user:pass@localhost", "127.0.0.1@evil.example", "localhost,evil.example",
    "ip6-localhost", "localhost.localdomain", "local\\thost", "127.0.0.1/", "http://127.0.0.1",
    "127.0.0.1#", "127.0.0.1%00", "127。0。0。1".encode().decode("latin-1"), "xn--localhost", "*",
)  # fmt: skip
PAIRS = 10_000
BEARER = "Authorization: Bearer {token}\r\n"
LENGTH = "{} HTTP/1.1\r\nHost: 127.0.0.1:{{port}}\r\n{}"


def hosts(chance: random.Random, port: int) -> str:
    """A Host that is not ours."""
    name = chance.choice(STRANGERS)
    if chance.random() < 0.4:
        name = chance.choice(NAMES)
        other = chance.choice((port + 1, port - 1, 80, 443, 0, 65535, f"0{port}", f"+{port}", ""))
        return chance.choice((f"{name}:{other}", f"{name}:{port}:{port}", f"{name}:{port}.", name))
    return chance.choice((f"{name}:{port}", name, f"{name}:80", name.upper() + f":{port}"))


def origins(chance: random.Random, port: int) -> str:
    """An Origin that is not ours, whatever the Host."""
    own = f"{chance.choice(NAMES)}:{port}"
    stranger = chance.choice(STRANGERS)
    return chance.choice(
        ("null", "", "*", "file://", f"https://{own}", f"http://{own}/", f"http://{own}.evil.example",
         f"http://{stranger}", f"http://{stranger}:{port}", f"HTTP://{own}", f"ws://{own}",
         f"http://user@{own}", f"http://{own}, http://evil.example", own, f"//{own}",
         f"http://{own.rpartition(':')[0]}", f"http://{own.rpartition(':')[0]}:{port + 1}",
         f"http://{own}#", f"http://{own}?", "chrome-extension://abcdef", "data:")
    )  # fmt: skip


def hostile(port: int) -> Iterator[tuple[str, str | None]]:
    """Pairs of Host and Origin of which at least one is not ours; the same every time."""
    chance = random.Random(20)  # noqa: S311 - what is asked for is that it is the same
    for _ in range(PAIRS):
        good = f"{chance.choice(NAMES)}:{port}"
        kind = chance.random()
        if kind < 0.4:
            yield hosts(chance, port), None
        elif kind < 0.7:
            yield good, origins(chance, port)
        else:
            host = hosts(chance, port)
            # A page at a name that leads here is, for its browser, of the server's own origin.
            yield host, chance.choice((f"http://{host}", f"http://{good}", origins(chance, port)))


def test_of_ten_thousand_hostile_hosts_and_origins_none_is_let_in(server: LocalServer) -> None:
    refused = 0
    with server.socket() as channel, channel.makefile("rb") as answers:
        for host, origin in hostile(server.port):
            lines = ["GET /health HTTP/1.1", f"Host: {host}"]
            lines += [] if origin is None else [f"Origin: {origin}"]
            channel.sendall("\r\n".join([*lines, "\r\n"]).encode("latin-1"))
            refused += answers.readline().split()[1] == b"403"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                assert not line.lower().startswith(b"access-control-")
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            answers.read(length)
    assert refused == PAIRS


@pytest.mark.parametrize("name", [*NAMES, "Localhost", "LOCALHOST"])
@pytest.mark.parametrize("says_origin", [True, False])
def test_the_server_is_called_by_its_own_names(
    server: LocalServer, name: str, says_origin: bool
) -> None:
    host = f"{name}:{server.port}"
    headers = {"Host": host}
    if says_origin:
        headers["Origin"] = f"http://{host.lower()}"
    assert server.request("GET", "/health", headers=headers).json == {"status": "ok"}


def test_a_page_of_another_name_of_this_server_is_another_site(server: LocalServer) -> None:
    headers = {"Host": f"localhost:{server.port}", "Origin": f"http://127.0.0.1:{server.port}"}
    answer = server.request("GET", "/health", headers=headers)
    assert (answer.status, answer.json["detail"]) == (403, "The header Origin names another site.")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET http://127.0.0.1:{port}/health HTTP/1.1\r\nHost: 127.0.0.1:{port}", 403),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:{port}", 403),
        ("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}", 403),
        ("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{port}", 403),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}", 403),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nhost: evil.example", 403),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: null\r\nOrigin: null", 403),
        ("GET /health HTTP/1.1", 403),
        ("GET /health HTTP/1.0", 403),
        ("GET /health", 400),
        ("GET /health HTTP/2.0\r\nHost: 127.0.0.1:{port}", 400),
        ("get /health HTTP/1.1\r\nHost: 127.0.0.1:{port}", 400),
        ("GET //evil.example/health HTTP/1.1\r\nHost: 127.0.0.1:{port}", 400),
        ("GET /health HTTP/1.1\r\nHost : 127.0.0.1:{port}", 400),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n folded: yes", 400),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\nX: y", 400),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: -1", 400),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1,1", 400),
        (LENGTH.format("GET /health", "Content-Length: 0\r\nContent-Length: 5"), 400),
        ("POST /runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked", 411),
        (LENGTH.format("POST /runs", "Transfer-Encoding: chunked\r\nContent-Length: 5"), 411),
        ("POST /runs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 5", 401),
        (LENGTH.format("POST /runs", f"{BEARER}Content-Length: 5"), 415),
        (LENGTH.format("POST /runs", f"{BEARER}Content-Length: 10000001"), 413),
        ("POST /runs HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5", 403),
        ("POST /runs HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: chunked", 403),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}" + "\r\nX: y" * 64, 431),
        ("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: " + "y" * 17_000, 431),
        ("GET /" + "y" * 17_000 + " HTTP/1.1\r\nHost: 127.0.0.1:{port}", 431),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(
    server: LocalServer, head: str, status: int
) -> None:
    with server.socket() as channel, channel.makefile("rb") as answers:
        head = head.replace("{port}", str(server.port)).replace("{token}", server.token)
        channel.sendall(f"{head}\r\n\r\n".encode())
        first, _, rest = answers.readline().partition(b" ")
        assert (first, int(rest.split()[0])) == (b"HTTP/1.1", status)


def test_a_page_of_another_site_starts_nothing_even_with_the_token(server: LocalServer) -> None:
    server.put("nightly", {"jobName": "load", "command": ["true"]})
    for headers in (
        {"Host": "rebound.example", "Content-Type": "application/json"},
        {"Host": f"rebound.example:{server.port}", "Content-Type": "application/json"},
        {"Origin": "http://evil.example", "Content-Type": "application/json"},
        {"Origin": "null", "Content-Type": "text/plain"},
    ):
        connection = server.connect()
        body = '{"scheduleId": "nightly"}'
        connection.request("POST", "/runs", body, {**server.bearer, **headers})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (
            403,
            "application/problem+json",
        )
        connection.close()
    assert server.get("/runs")["runs"] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_bodies_of_forms_are_not_taken(server: LocalServer, kind: str) -> None:
    connection = server.connect()
    headers = {**server.bearer, "Content-Type": kind}
    connection.request("POST", "/runs", '{"scheduleId": "nightly"}', headers)
    assert connection.getresponse().status == 415
    connection.close()
