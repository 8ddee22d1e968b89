"""URLs that may be asked, and with what."""

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit, urlunsplit

from fetch_and_run.exits import Exit, JobError


def checked(url: str, *, plain: bool) -> str:
    """A URL that may be asked, without its fragment. Raises JobError, which never quotes a user.

    Without TLS only this machine is asked, unless `plain`.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise JobError(Exit.REFUSED, f"what was given is no URL: {error}") from error
    if "@" in parts.netloc:
        raise JobError(Exit.REFUSED, "a URL holds no user and no password: use --secret-header")
    if parts.scheme not in {"http", "https"} or not host or "{" in parts.netloc:
        raise JobError(Exit.REFUSED, f"{url!r} is no http(s) URL of a host")
    if any(ord(each) <= 32 or ord(each) == 127 for each in url):
        raise JobError(Exit.REFUSED, f"{url!r} has spaces or control characters in it")
    if parts.scheme == "http" and not plain and not _is_here(host):
        raise JobError(Exit.REFUSED, f"{shown(url)} is not encrypted: use https, or --plain")
    return urlunsplit(parts._replace(fragment=""))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials are for."""
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or usual


def shown(url: str) -> str:
    """A URL for people: what is behind `?` may be a secret."""
    return url.partition("?")[0]


def led_to(url: str, location: str) -> str:
    """Where an answer of `url` leads."""
    return urljoin(url, location)
