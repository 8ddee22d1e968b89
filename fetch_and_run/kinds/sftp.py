"""Files of SFTP servers: get, put, and wait for them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from fetch_and_run.exits import Exit, JobError
from fetch_and_run.references import FORMS, text_at
from fetch_and_run.transfers.addresses import Address
from fetch_and_run.transfers.command import add_actions, begin_action
from fetch_and_run.transfers.places import Place
from fetch_and_run.world import World


def add_arguments(parser: ArgumentParser) -> None:
    """Declare get, put and wait."""
    add_actions(parser, "sftp", _add_login)


def begin(arguments: Namespace, world: World) -> int:
    """Do one of them."""
    return begin_action(arguments, world, "sftp", _connected)


def _add_login(action: ArgumentParser) -> None:
    action.add_argument("--user", required=True, help="who logs in")
    for name, what in (
        ("password", "the password is"),
        ("key", "the private key is"),
        ("passphrase", "the passphrase of the key is"),
        ("known-hosts", "its lines of a known_hosts file are"),
    ):
        action.add_argument(f"--{name}-from", metavar="REF", help=f"where {what}: {FORMS}")
    action.add_argument(
        "--host-key",
        action="append",
        default=[],
        metavar="SHA256:…",
        help="the fingerprint of the server's key; may be given again",
    )


def _connected(address: Address, arguments: Namespace, environment: Mapping[str, str]) -> Place:
    if not arguments.known_hosts_from and not arguments.host_key:
        raise JobError(
            Exit.USAGE, "sftp: give --host-key or --known-hosts-from; no server is trusted unseen"
        )
    if not arguments.password_from and not arguments.key_from:
        raise JobError(Exit.USAGE, "sftp: give --key-from or --password-from")
    import asyncssh

    from fetch_and_run.transfers.sftp import Login, Sftp

    def of(reference: str | None) -> str | None:
        return text_at(reference, environment) if reference else None

    key, passphrase = of(arguments.key_from), of(arguments.passphrase_from)
    try:
        private = asyncssh.import_private_key(f"{key}\n", passphrase) if key else None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise JobError(
            Exit.REFUSED, f"what {arguments.key_from} holds is no private key that opens: {error}"
        ) from error
    login = Login(
        user=arguments.user,
        password=of(arguments.password_from),
        key=private,
        known_hosts=of(arguments.known_hosts_from),
        fingerprints=tuple(arguments.host_key),
    )
    return Sftp(address, login)
