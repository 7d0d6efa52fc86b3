"""A small DICOMweb archive on loopback: it is searched, gives objects out, takes objects in, and fails on demand."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset

from diagnosis.dicom import multipart


@dataclass
class FakeArchive:
    """files: what it holds. came: what was stored. broken: path endings that fail, with a status, "hang up", "lie" (no
    DICOM), "nothing" (no part) or "flood" (without an end). ignores: parameters that it does not know."""

    url: str = ""
    files: list[bytes] = field(default_factory=list)
    came: list[Dataset] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    hosts: list[str | None] = field(default_factory=list)
    broken: dict[str, Any] = field(default_factory=dict)
    ignores: set[str] = field(default_factory=set)
    fails_to_store: bool = False
    single_part: bool = False

    def datasets(self) -> list[Dataset]:
        return [dcmread(io.BytesIO(data), stop_before_pixels=True) for data in self.files]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms, as its head and its body are sent apart
    archive: FakeArchive

    def log_message(self, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self._note()
        if self._fails():
            return
        parts = urlsplit(self.path)
        names = parts.path.strip("/").split("/")[1:]
        query = {key: values[0] for key, values in parse_qs(parts.query).items() if key not in self.archive.ignores}
        if len(names) == 6:
            self._object(names[5])
        else:
            self._found(names, query)

    def do_POST(self) -> None:
        self._note()
        boundary = multipart.find_boundary(self.headers["Content-Type"], part_type="application/dicom")
        assert boundary is not None
        body = io.BytesIO(self._body())
        for part in multipart.parts(body.read, boundary=boundary):
            self.archive.came.append(dcmread(io.BytesIO(b"".join(part.chunks))))
        if self._fails():
            return
        failed = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [272]}}]}}
        self._send(200, json.dumps(failed if self.archive.fails_to_store else {}).encode(), "application/dicom+json")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _note(self) -> None:
        self.archive.asked.append(self.path)
        self.archive.authorizations.append(self.headers.get("Authorization"))
        self.archive.hosts.append(self.headers.get("Host"))

    def _fails(self) -> bool:
        how = next((how for end, how in self.archive.broken.items() if urlsplit(self.path).path.endswith(end)), None)
        if how is None:
            return False
        if how == "hang up":
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom")
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif how == "flood":
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom")
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(bytes(65536))
            except OSError:
                pass
        elif how == "nothing":
            self._send(200, b"--x--", 'multipart/related; type="application/dicom"; boundary=x')
        elif how == "lie":
            self._send(200, b"<html>please log in</html>", "text/html")
        elif how == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.1/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(how, b"" if how == 204 else b"no", "text/plain")
        return True

    def _found(self, names: list[str], query: dict[str, str]) -> None:
        level = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")[len(names) // 2]
        rows = []
        for one in self.archive.datasets():
            chosen = zip(("StudyInstanceUID", "SeriesInstanceUID"), names[1::2], strict=False)
            filters = [*chosen, *((k, v) for k, v in query.items() if k in ("AccessionNumber", "Modality"))]
            if all(str(one.get(key, "")) == value for key, value in filters):
                rows.append(one)
        distinct = {one[level].value: one for one in rows}
        first = int(query.get("offset", 0))
        page = list(distinct.values())[first : first + int(query.get("limit", 1000))]
        shown = [{f"{e.tag:08X}": _json(e) for e in one if e.keyword in RETURNED} for one in page]
        self._send(200, json.dumps(shown).encode(), "application/dicom+json")

    def _object(self, uid: str) -> None:
        for data, one in zip(self.archive.files, self.archive.datasets(), strict=True):
            if one.SOPInstanceUID == uid:
                if self.archive.single_part:
                    self._send(200, data, "application/dicom")
                else:
                    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--x--"
                    self._send(200, body, 'multipart/related; type="application/dicom"; boundary=x')
                return
        self._send(404, b"", "text/plain")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[FakeArchive]:
    archive = FakeArchive()
    handler = type("Handler", (_Handler,), {"archive": archive})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    archive.url = f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()


RETURNED = ("AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SOPInstanceUID", "InstanceNumber")


def _json(element: Any) -> dict[str, Any]:
    return {"vr": element.VR, "Value": [int(element.value) if element.VR == "IS" else str(element.value)]}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
