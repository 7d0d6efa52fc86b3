"""The site behind nginx, as compose.yaml starts both: TLS, forged headers, and a hundred clients that send nothing."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from string import Template
from typing import Any

import pytest

from tests.verification import reliability
from tests.verification.services import ROOT, Site, free_port, running_site, wait_for

TEMPLATE = ROOT / "deploy/nginx/templates/brainscan.conf.template"
NAME = "scans.example.org"


@dataclass
class Front:
    """nginx in front of a site."""

    http: int
    https: int
    site: Site

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer to one request over TLS."""
        unchecked = ssl._create_unverified_context()
        sent = {"Host": NAME} | {name.replace("_", "-"): value for name, value in headers.items()}
        return _get(http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=unchecked), path, sent)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    with closing(connection):
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status, dict(answer.getheaders())


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/site.key", "-out", f"{folder}/site.crt"]
    subprocess.run(["openssl", "req", "-x509", "-subj", f"/CN={NAME}", *key], check=True, capture_output=True)
    environment: dict[str, Any] = {"HTTPS": "1", "ALLOWED_HOSTS": f"{NAME},127.0.0.1", "METRICS_TOKEN": "inside-only"}
    with running_site(folder / "data", **environment) as site:
        ports = {"HTTP_PORT": str(free_port()), "HTTPS_PORT": str(free_port())}
        values = {"WEB": site.url.removeprefix("http://"), "CERTIFICATES": str(folder), "MAX_REQUEST": "2g"} | ports
        # As the image does it: nginx's own $variables stay.
        filled = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], TEMPLATE.read_text())
        assert "${" not in filled
        (folder / "nginx.conf").write_text(Template(CONFIGURATION).substitute(folder=folder, server=filled))
        process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
        try:
            front = Front(int(ports["HTTP_PORT"]), int(ports["HTTPS_PORT"]), site)
            wait_for("nginx", lambda: _listens(front.https), seconds=10)
            yield front
        finally:
            process.terminate()
            process.wait(timeout=20)


CONFIGURATION = """
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
    $server
}
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_plain_http_is_sent_to_tls(front: Front) -> None:
    def answer(path: str) -> tuple[int, dict[str, str]]:
        return _get(http.client.HTTPConnection("127.0.0.1", front.http, timeout=20), path, {"Host": NAME})

    for path in ("/history/", "/api/docs/"):
        status, headers = answer(path)
        assert (status, headers["Location"]) == (308, f"https://{NAME}{path}")
    for path in ("/api/v1/scans/", "/dicomweb/studies"):
        status, headers = answer(path)
        assert (status, headers["Content-Type"]) == (403, "application/problem+json")


def test_pages_come_with_secure_cookies(front: Front) -> None:
    status, headers = front.get("/login/")
    assert status == 200
    assert "Secure" in headers["Set-Cookie"] and headers["Set-Cookie"].startswith("__Host-")
    assert "max-age=31536000" in headers["Strict-Transport-Security"]


@pytest.mark.attack("forged")
def test_a_forged_address_and_scheme_do_not_count(front: Front) -> None:
    forged = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "http", "Authorization": "Token wrong"}
    assert front.get("/api/v1/scans/", **forged)[0] == 401  # with the forged scheme it would be 403
    assert "203.0.113.9" not in front.site.log.read_text(errors="replace")


def test_metrics_are_not_served_to_the_outside(front: Front) -> None:
    assert front.get("/metrics", Authorization="Bearer inside-only")[0] == 404


def test_slow_clients_keep_nobody_waiting(front: Front) -> None:
    """A hundred connections that begin a request and stop: from several addresses, as each may have 64."""
    with ExitStack() as stack:
        for number in range(100):
            raw = stack.enter_context(
                socket.create_connection(("127.0.0.1", front.https), source_address=(f"127.0.0.{2 + number % 4}", 0))
            )
            client = stack.enter_context(ssl._create_unverified_context().wrap_socket(raw))
            client.sendall(b"POST /login/ HTTP/1.1\r\nHost: scans.example.org\r\nContent-Length: 100000\r\n\r\nx")
        slowest = 0.0
        for _ in range(10):
            begun = time.monotonic()
            assert front.get("/login/")[0] == 200
            slowest = max(slowest, time.monotonic() - begun)
    reliability.record(
        fault="100 clients behind nginx begin an upload and send nothing more",
        section="Slow and hostile clients",
        times=1,
        at_stake="10 pages",
        lost=0,
        doubled=0,
        outage=round(slowest, 1),
    )
    assert slowest < 5  # a thread of the site for each would stop it for 30 s
