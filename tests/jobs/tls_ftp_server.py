"""An FTP server with TLS on 127.0.0.1, which has one file and insists on one session (RFC 4217).

pyftpdlib has TLS with pyOpenSSL only; this one has the few commands that a download needs.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from tests.jobs.file_servers import PASSWORD, USER


@dataclass
class TlsFtp:
    """The server, and the words that came to it without TLS."""

    port: int
    content: bytes
    context: ssl.SSLContext
    in_the_clear: list[str] = field(default_factory=list)


class _Talk(StreamRequestHandler):
    ftp: TlsFtp
    passive: socket.socket | None = None
    is_private = False
    is_for_files_too = False

    def handle(self) -> None:
        self.say("220 ready")
        try:
            while line := self.rfile.readline().decode().strip():
                if not self.is_private:
                    self.ftp.in_the_clear.append(line)
                self.answer(*line.partition(" ")[::2])
        except OSError:
            return  # whoever asked has hung up
        finally:
            if self.passive:
                self.passive.close()
            self.connection.close()

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def answer(self, command: str, argument: str) -> None:
        if command == "AUTH":
            self.say("234 go on")
            self.connection = self.ftp.context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = (
                self.connection.makefile("rb"),
                self.connection.makefile("wb", 0),
            )
            self.is_private = True
        elif command == "EPSV":
            self.passive = socket.create_server(("127.0.0.1", 0))
            self.say(f"229 here (|||{self.passive.getsockname()[1]}|)")
        elif command == "PASV":
            self.passive = socket.create_server(("127.0.0.1", 0))
            port = self.passive.getsockname()[1]
            self.say(f"227 here (127,0,0,1,{port // 256},{port % 256})")
        elif command == "PROT":
            self.is_for_files_too = argument == "P"
            self.say("200 fine")
        elif command == "RETR" and not self.is_for_files_too:
            self.say("521 files come over TLS only")
        elif command == "RETR" and self.passive is not None:
            self.say("150 it comes")
            self.send(self.passive)
        else:
            self.say(self.words(command, argument))

    def words(self, command: str, argument: str) -> str:
        return {
            "USER": "331 and the password?",
            "PASS": "230 in" if argument == PASSWORD else "530 no",
            "PBSZ": "200 fine",
            "TYPE": "200 fine",
            "SIZE": f"213 {len(self.ftp.content)}",
            "MDTM": "213 20261130000000",
        }.get(command, f"502 {command} is not implemented")

    def send(self, passive: socket.socket) -> None:
        plain, _ = passive.accept()
        with self.ftp.context.wrap_socket(plain, server_side=True) as connection:
            if connection.session_reused:
                connection.sendall(self.ftp.content)
                connection.unwrap()
                self.say("226 done")
            else:
                self.say("522 a connection for files has to reuse the session")
        passive.close()
        self.passive = None


@contextmanager
def tls_ftp_server(content: bytes, context: ssl.SSLContext) -> Iterator[TlsFtp]:
    ftp = TlsFtp(0, content, context)
    server = ThreadingTCPServer(("127.0.0.1", 0), type("Own", (_Talk,), {"ftp": ftp}))
    ftp.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield ftp
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LOGIN = ("--user", USER, "--password-from", "env:FTP_PASSWORD", "--tls")
