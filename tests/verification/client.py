"""A small API client on the standard library: what a user's script would do."""

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.verification.services import wait_for

ENDED = {"done", "refused", "failed", "canceled"}


@dataclass
class Client:
    """Talks to one site with one token. timeout: seconds to wait for an answer. headers: of the last one."""

    url: str
    token: str
    timeout: float = 60
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> tuple[int, Any]:
        return self._send(Request(self.url + path))

    def post(self, path: str, data: bytes = b"", content_type: str = "application/json") -> tuple[int, Any]:
        return self.send("POST", path, data, content_type)

    def send(self, verb: str, path: str, data: bytes = b"", content_type: str = "application/json") -> tuple[int, Any]:
        return self._send(Request(self.url + path, data=data, headers={"Content-Type": content_type}, method=verb))

    def upload(self, *files: tuple[str, bytes], case: str = "", confirmed: bool = False) -> tuple[int, Any]:
        """Upload files, given as name and bytes, in one request."""
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, 'name="case"', case.encode())] if case else []
        parts += [_part(boundary, 'name="confirmed"', b"true")] if confirmed else []
        parts += [_part(boundary, f'name="files"; filename="{name}"', data) for name, data in files]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.post("/api/v1/scans/", body, f"multipart/form-data; boundary={boundary}")

    def upload_paths(self, *paths: Path, case: str = "") -> tuple[int, Any]:
        return self.upload(*((path.name, path.read_bytes()) for path in paths), case=case)

    def wait(self, prediction_id: int, *, seconds: float = 60) -> dict[str, Any]:
        """The prediction once it has ended."""

        def ended() -> dict[str, Any] | None:
            status, body = self.get(f"/api/v1/predictions/{prediction_id}/")
            assert status == 200, body
            return dict(body) if body["state"] in ENDED else None

        return wait_for(f"the end of prediction {prediction_id}", ended, seconds=seconds)

    def _send(self, request: Request) -> tuple[int, Any]:
        request.add_header("Authorization", f"Token {self.token}")
        return self.answer(request)

    def answer(self, request: Request) -> tuple[int, Any]:
        """Send it as it is. The status and the body, decoded if it is JSON."""
        try:
            with urlopen(request, timeout=self.timeout) as response:
                self.headers = dict(response.headers)
                return response.status, _body(response)
        except HTTPError as error:
            return error.code, _body(error)


def _part(boundary: str, disposition: str, data: bytes) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + data + b"\r\n"


def _body(response: Any) -> Any:
    data = response.read()
    return json.loads(data) if "json" in response.headers.get("Content-Type", "") else data
