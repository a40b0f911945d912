"""An FTPS server as a process of its own: python ftps_worker.py FOLDER PORT CERTIFICATE KIND"""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

folder, port, certificate, kind = sys.argv[1:]


class Handler(TLS_FTPHandler):
    certfile = certificate
    tls_control_required = kind != "implicit"  # there it is secured before the first command
    tls_data_required = True
    permit_foreign_addresses = False
    banner = "a server for tests"
    auth_failed_timeout = 0.1  # seconds before it refuses a user


class Implicit(Handler):
    def handle(self):
        self.secure_connection(self.get_ssl_context())

    def handle_ssl_established(self):
        TLS_FTPHandler.handle(self)


if kind == "plain-listings":
    Handler.proto_cmds = {name: given for name, given in Handler.proto_cmds.items() if name not in ("MLST", "MLSD")}
users = DummyAuthorizer()
users.add_user("acme", "s3cret", folder, perm="elradfmwMT")
chosen = Implicit if kind == "implicit" else Handler
chosen.authorizer = users
FTPServer(("127.0.0.1", int(port)), chosen).serve_forever(timeout=0.2)
