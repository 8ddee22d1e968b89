"""Files of FTP servers, with or without TLS: get, put, and wait for them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.references import FORMS, text_at
from fetch_and_run.transfers.addresses import Address, unprintable
from fetch_and_run.transfers.command import add_actions, begin_action
from fetch_and_run.transfers.ftp import Ftp, Login
from fetch_and_run.transfers.places import Place
from fetch_and_run.trusting import trusted
from fetch_and_run.world import World


def add_arguments(parser: ArgumentParser) -> None:
    """Declare get, put and wait."""
    add_actions(parser, "ftp", _add_login)


def begin(arguments: Namespace, world: World) -> int:
    """Do one of them."""
    return begin_action(arguments, world, "ftp", _connected)


def _add_login(action: ArgumentParser) -> None:
    action.add_argument("--user", default="anonymous", help="who logs in (%(default)s)")
    action.add_argument("--password-from", metavar="REF", help=f"where the password is: {FORMS}")
    action.add_argument(
        "--tls", action="store_true", help="encrypt (AUTH TLS), and check the server's certificate"
    )
    action.add_argument(
        "--ca-from", metavar="REF", help=f"where certificates to trust are, as PEM: {FORMS}"
    )


def _connected(address: Address, arguments: Namespace, environment: Mapping[str, str]) -> Place:
    if arguments.ca_from and not arguments.tls:
        raise JobError(Exit.USAGE, "ftp: --ca-from is for --tls")
    tls = trusted(arguments.ca_from, environment) if arguments.tls else None
    reference = arguments.password_from
    password = text_at(reference, environment) if reference else ""
    if unprintable(arguments.user) or unprintable(password):
        raise JobError(Exit.REFUSED, "ftp: the user or the password has control characters in it")
    return Ftp(address, Login(user=arguments.user, password=password, tls=tls))
