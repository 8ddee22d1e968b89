"""Who may speak to the local server at all, before anything else is looked at.

Any page that a browser on this machine shows can send requests to a port of it. A page's own
origin, or a name that its owner points to 127.0.0.1 (DNS rebinding), is in the request: only what
names this server as it is named here passes.
"""

from http import HTTPStatus

from chalicelib.serving.heads import Head, HeadError

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HTTP = 80  # the port that stands in no address


class Gate:
    """The gate of the server that listens on `port`."""

    def __init__(self, port: int) -> None:
        self._hosts = frozenset(f"{name}:{port}" for name in _NAMES)
        if port == _HTTP:
            self._hosts |= frozenset(_NAMES)

    def check(self, head: Head) -> None:
        """Raise HeadError for a request that is not for this server, or not from it."""
        target = head.target
        if not target.startswith("/") or head.method == "CONNECT":
            raise _refused("Ask for a path: this server is no proxy.")
        if target.startswith("//") or "#" in target:
            raise HeadError(HTTPStatus.BAD_REQUEST, "The path begins with one /, and has no #.")
        host = head.fields.get("host", "").lower()
        if host not in self._hosts:
            raise _refused("The header Host does not name this server.")
        # A browser writes the origin of a page in one way only, so it is compared as it is.
        origin = head.fields.get("origin")
        if origin is not None and origin != f"http://{host}":
            raise _refused("The header Origin names another site.")


def _refused(told: str) -> HeadError:
    return HeadError(HTTPStatus.FORBIDDEN, told)
