"""An identity provider that speaks OpenID Connect over HTTP in a thread, and lies where a test wants it to."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT_ID, SECRET = "brainscan-test", "a secret: of the client"  # pragma: allowlist secret


class Provider:
    """What it says can be changed from outside: `metadata`, `status`, `userinfo`, `key`, `published`."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/realms/hospital"
        self.key = ECKey.generate_key("P-256", {"kid": "first"})
        self.published = [self.key]
        self.metadata: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        }
        self.status = 200
        self.userinfo: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, tuple[str, Any]] = {}

    def issue(self, asked: dict[str, str], *, algorithm: str = "ES256", **claims: Any) -> str:
        """A code for an ID token with these claims beside, or instead of, those that it should have; None drops one."""
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
        }
        said |= {"auth_time": now, "preferred_username": "ada", **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return self.issue_anything(asked, self._signed(said, algorithm))

    def issue_anything(self, asked: dict[str, str], token: Any) -> str:
        code = secrets.token_hex(8)
        self._codes[code] = (asked["code_challenge"], token)
        return code

    def answer(self, path: str, fields: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if self.status != 200:
            return self.status, {}
        if path.endswith("/.well-known/openid-configuration"):
            return 200, self.metadata
        if path.endswith("/keys"):
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if path.endswith("/userinfo"):
            return (200, self.userinfo) if authorization == "Bearer access" else (401, {})
        return self._token(fields, authorization)

    def _token(self, fields: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Codes work once, with the secret and the verifier that belongs to the challenge."""
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        challenge, token = self._codes.pop(fields.get("code", ""), ("", None))
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        if given != f"{CLIENT_ID}:{SECRET}" or _base64(digest) != challenge:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": token}

    def _signed(self, claims: dict[str, Any], algorithm: str) -> str:
        header = {"alg": algorithm, "kid": self.key.kid}
        if algorithm == "ES256":
            return jwt.encode(header, claims, self.key)
        text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        known = self.key.as_pem(private=False)  # as if the public key were a secret that both share
        return f"{text}.{_base64(hmac.digest(known, text.encode(), 'sha256')) if algorithm == 'HS256' else ''}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@contextmanager
def serving() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            fields = {name: values[0] for name, values in parse_qs(self.rfile.read(size).decode()).items()}
            status, body = provider.answer(urlsplit(self.path).path, fields, self.headers.get("Authorization") or "")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(server.server_port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield provider
    server.shutdown()
    server.server_close()


def asked_for(response: Any) -> dict[str, str]:
    """What the site asks the provider for: the query of the address that it sends the browser to."""
    address = response.get("Location") or response["Refresh"].removeprefix("0; url=")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def come_back(client: Client, provider: Provider, response: Any, *, issue: Any = None, **claims: Any) -> Any:
    """The browser's way back, after a login there with these claims."""
    asked = asked_for(response)
    code = (issue or provider.issue)(asked, **claims)
    return client.get("/sso/callback/", {"code": code, "state": asked["state"]})


def log_in(client: Client, provider: Provider, *, target: str = "", **claims: Any) -> Any:
    """All of a login. Returns the answer to the browser that comes back."""
    return come_back(client, provider, client.get("/sso/login/", {"next": target} if target else {}), **claims)
