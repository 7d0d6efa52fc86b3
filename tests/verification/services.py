"""Real servers for the verification tests: the whole site as `make run` starts it, Orthanc, Chromium, dcmtk.

Every server listens on loopback, keeps its files in a temporary folder, and is stopped by the process id it was started
with.
"""

import atexit
import base64
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PASSWORD = "verify-me-please-42"
PASSKEY_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""What Chromium's WebAuthn.addVirtualAuthenticator takes: a device that has asked for a finger."""
T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], *, seconds: float) -> T:
    """Ask `probe` until it gives something true. Raises TimeoutError with `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A running site."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    log: Path
    environment: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def ready(self) -> dict[str, Any]:
        """What /health/ready says, whatever its status; empty while nobody answers."""
        try:
            with urlopen(f"{self.url}/health/ready", timeout=5) as response:
                return dict(json.load(response))
        except HTTPError as error:
            return dict(json.load(error))
        except (URLError, OSError):
            return {}

    def processes(self) -> dict[int, str]:
        """Process id and command line of everything that belongs to this site."""
        mark = f"DATA_DIR={self.data_dir}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue  # ended while we looked, or not ours to read
        return {pid: command for pid, command in found.items() if command}

    def find(self, word: str) -> list[int]:
        """Process ids whose command line holds `word`."""
        return [pid for pid, command in self.processes().items() if word in command]

    def token(self, username: str = "admin") -> str:
        """An API token, made by the site's own command once for each person: it takes a second or two."""
        if username not in self.tokens:
            self.tokens[username] = self.manage("create_token", username).strip()
        return self.tokens[username]

    def manage(self, *arguments: str) -> str:
        """Run a management command against this site's data; its standard output."""
        environment = self.environment | {"SECRET_KEY": "only-for-commands-" + "x" * 40}
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clear_uploads(self) -> None:
        """Empty everybody's upload list, which other tests of this site have filled."""
        self.manage("shell", "-c", "from diagnosis.models import UploadRow; UploadRow.objects.all().delete()")

    def stop(self, sent: signal.Signals = signal.SIGINT) -> None:
        """End it as Ctrl-C does, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
            self.process.wait(timeout=40)


_PREPARE = """
from django.core.management import call_command
from brainscan.launcher import account, static_files
call_command("migrate", verbosity=0)
static_files.collect()
account.prepare(password=PASSWORD)
call_command("create_token", "admin")
"""


@functools.cache
def _prepared() -> tuple[Path, str]:
    """A folder as a site's start leaves it on SQLite, which saves each further site its migrations, and a token."""
    folder = Path(tempfile.mkdtemp(prefix="brainscan-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    unset = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"DATA_DIR": str(folder), "SECRET_KEY": "only-to-prepare-" + "x" * 40}
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", f"PASSWORD = {PASSWORD!r}{_PREPARE}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.split()[-1]


@contextmanager
def running_site(data_dir: Path, *, worker: bool = True, fresh: bool = False, **environment: str) -> Iterator[Site]:
    """`manage.py run_site` over `data_dir`, until its worker has loaded the model; stopped at the end.

    fresh: an empty `data_dir` stays empty until the site starts; else it gets what its first start would make.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    tokens = {}
    if not (fresh or "DATABASE_URL" in environment or any(data_dir.iterdir())):
        folder, tokens["admin"] = _prepared()
        shutil.copytree(folder, data_dir, dirs_exist_ok=True)
    port = free_port()
    unset = {
        "DECODE_PROCESSES",
        "DICOM_PORT",
        "DICOMWEB_URL",
        "REDIS_URL",
        "DATABASE_URL",
        "SECRET_KEY",
        "STORAGE_URL",
        "DJANGO_SETTINGS_MODULE",
        "ML_MODEL",
        "HTTPS",
    }
    base = {key: value for key, value in os.environ.items() if key not in unset}
    full = base | {"DATA_DIR": str(data_dir), "PORT": str(port), "ADMIN_PASSWORD": PASSWORD, "HTTPS": "0"} | environment
    log = data_dir.parent / f"{data_dir.name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_site"],
            cwd=ROOT,
            env=full,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    site = Site(f"http://127.0.0.1:{port}", data_dir, process, log, full, tokens)
    try:

        def up() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")[-4000:]
            report = site.ready()
            return bool(report) and (not worker or bool(report.get("worker", {}).get("ready")))

        wait_for("the site's start", up, seconds=120)
        yield site
    finally:
        site.stop()


@dataclass
class Orthanc:
    """A DICOM archive with its DICOMweb plugin."""

    url: str
    user: str
    password: str

    @property
    def dicomweb(self) -> str:
        """The address that DICOMWEB_URL takes, user and password included."""
        return self.url.replace("http://", f"http://{self.user}:{self.password}@") + "/dicom-web"

    def call(self, path: str, data: bytes | None = None, *, method: str = "") -> Any:
        """Its own REST API. JSON is decoded."""
        request = Request(self.url + path, data=data, method=method or ("GET" if data is None else "POST"))
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        with urlopen(request, timeout=60) as response:
            body = response.read()
        return json.loads(body) if "json" in response.headers.get("Content-Type", "") else body


@contextmanager
def orthanc_server(folder: Path) -> Iterator[Orthanc]:
    """Debian's orthanc with orthanc-dicomweb."""
    port, folder = free_port(), folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    assert plugin.exists(), "orthanc-dicomweb is not installed: apt-get install orthanc-dicomweb"
    site = Orthanc(f"http://127.0.0.1:{port}", "site", "verify")
    options = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {site.user: site.password},
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(options))
    with (folder / "log").open("wb") as log:
        command = [program("Orthanc"), str(folder / "orthanc.json")]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for("Orthanc's start", lambda: process.poll() is not None or listens(port), seconds=30)
        assert process.poll() is None, (folder / "log").read_text()[-4000:]
        yield site
    finally:
        process.terminate()
        process.wait(timeout=20)


def chromium() -> str:
    """The path of Debian's Chromium, or of another one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "Chromium is not installed: apt-get install chromium"
    return found


def dcmtk(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of dcmtk's programs. pynetdicom has some of the same names, so they are not taken from the path."""
    path = shutil.which(program, path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert path, f"{program} is not installed: apt-get install dcmtk"
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=120, errors="replace")


def program(name: str) -> str:
    """The path of an installed server."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert path, f"{name} is not installed: apt-get install {name.lower()}"
    return path


def listens(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
