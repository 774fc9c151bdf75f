# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-ins on loopback for the services that issue credentials: STS, metadata service, credentials URI, CloudSSO, OAuth.

They accept nothing that the real services would refuse: signatures are verified, tokens compared, and the metadata
service responds to IMDSv2 only. The emulator of the same test knows every access key that they issue.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from slb_emulator.api.signatures import rpc_signature, rpc_string_to_sign

ROLE_ARN = "acs:ram::1:role/weights"
PROVIDER_ARN = "acs:ram::1:oidc-provider/example"
OIDC_TOKEN = "oidc-token+/=="
BEARER = "sign-in-token"
ACCESS = {"AccountId": "1", "AccessConfigurationId": "ac-1"}  # of a user of CloudSSO
METADATA = "/latest/meta-data/ram/security-credentials/"
METADATA_TOKEN = "metadata-token"

Answer = tuple[int, t.Any]


def temporary_key(number: int) -> tuple[str, str, str]:
    return f"STS.{number}", f"temporary-secret-{number}+/=", f"temporary-token-{number}+/=="


class Request(t.NamedTuple):
    """A request as received. ``parameters``: query and form body; ``target``: as in the request line."""

    method: str
    target: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


class KeyServices:
    """Issues STS.1, STS.2, ...; ``lifetime`` of a key in seconds. Set attributes to change the next response."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.known = dict(keys)
        self.tokens: dict[str, str] = {}
        self.lifetime = 3600.0
        self.role_name = "weights"
        self.requests: list[Request] = []
        self.instead: list[Answer] = []  # responses to the next requests, instead of the usual ones
        self.hold = threading.Event()  # no response is sent while this is not set
        self.hold.set()
        self._issued = 0
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
        self.hold.wait(60)
        if self.instead:
            return self.instead.pop(0)
        if request.parameters.get("Action"):
            return self._sts(request)
        if request.path == "/latest/api/token" or request.path.startswith(METADATA):
            return self._metadata(request)
        if request.path == "/keys":
            return 200, {"Code": "Success", **self._issue()}
        return self._sign_in(request)

    def _sts(self, request: Request) -> Answer:
        parameters = request.parameters
        if parameters["Action"] == "AssumeRole":
            key = parameters["AccessKeyId"]
            if key not in self.known:
                return _refusal(404, "InvalidAccessKeyId.NotFound")
            wanted = rpc_signature(self.known[key], rpc_string_to_sign(request.method, parameters))
            if parameters["Signature"] != wanted:
                return _refusal(400, "SignatureDoesNotMatch")
            if parameters.get("SecurityToken") != self.tokens.get(key):
                return _refusal(400, "InvalidSecurityToken.Malformed")
        elif parameters["OIDCToken"] != OIDC_TOKEN or parameters["OIDCProviderArn"] != PROVIDER_ARN:
            return _refusal(400, "AuthenticationFail.OIDCToken.Invalid")
        if parameters["RoleArn"] != ROLE_ARN:
            return _refusal(404, "EntityNotExist.Role")
        return 200, {"RequestId": "A-1", "Credentials": self._issue()}

    def _metadata(self, request: Request) -> Answer:
        if request.method == "PUT":
            seconds = request.headers.get("x-aliyun-ecs-metadata-token-ttl-seconds", "")
            return (200, METADATA_TOKEN) if seconds.isdecimal() else (400, "no ttl")
        if request.headers.get("x-aliyun-ecs-metadata-token") != METADATA_TOKEN:
            return 403, "IMDSv2 only"
        if request.path == METADATA:
            return 200, self.role_name
        if request.path != METADATA + self.role_name:
            return 404, "no such role"
        return 200, {"Code": "Success", **self._issue()}

    def _sign_in(self, request: Request) -> Answer:
        """CloudSSO (/cloud-credentials) and OAuth (/v1/token refreshes the sign-in, /v1/exchange issues credentials)."""
        if request.path == "/v1/token":
            return 200, {"access_token": BEARER, "refresh_token": "next-refresh-token", "expires_in": 3600}
        if request.headers.get("authorization") != f"Bearer {BEARER}":
            return _refusal(401, "InvalidToken")
        if request.path != "/cloud-credentials":
            return 200, self._issue()
        if json.loads(request.body) != ACCESS:
            return _refusal(404, "EntityNotExists.AccessConfiguration")
        return 200, {"CloudCredential": self._issue()}

    def _issue(self) -> dict[str, str]:
        with self._lock:
            self._issued += 1
            key, secret, token = temporary_key(self._issued)
        self.known[key], self.tokens[key] = secret, token
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
        return {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": end}


def _refusal(status: int, code: str) -> Answer:
    return status, {"Code": code, "Message": "server string to sign is:GET&secret", "RequestId": "A-1"}


@contextlib.contextmanager
def serving(services: KeyServices, tls: tuple[str, str] | None = None) -> t.Iterator[int]:
    """Serve on a free loopback port during a with block, which gets the port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 60

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = services.answer(Request(self.command, self.path, parameters, headers, body))
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            with contextlib.suppress(OSError):  # the client did not wait
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = handle_request

        def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        block_on_close = False

        def handle_error(self, request: t.Any, client_address: t.Any) -> None:
            """Nothing on stderr about a client that does not trust the certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
