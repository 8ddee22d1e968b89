"""A real FTP server of this machine, which serves one folder to one user until it is stopped.

usage: ftp_server.py FOLDER PASSWORD-FILE PORT-FILE
"""

import sys
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

folder, password_file, port_file = sys.argv[1:]
users = DummyAuthorizer()
users.add_user(
    "edw", Path(password_file).read_text().strip(), folder, perm="elr"
)  # lists and reads


class Handler(FTPHandler):  # type: ignore[misc] # the library has no types
    """A session, which can't leave the folder."""

    authorizer = users


with FTPServer(("127.0.0.1", 0), Handler) as server:
    Path(port_file).write_text(str(server.address[1]))
    server.serve_forever()
