"""An earlier version and this one serve one site side by side: `make verify-upgrade FROM=<commit or tag>`.

Both run on one PostgreSQL, one Redis, one folder of files and one secret key, as during a rolling upgrade. Scans go in
through the old and the new web process, while an old worker, a new one, both or none runs. Each has to be analyzed
exactly once, none may fail, and both web processes have to show the same result. Prints a line for each step.
"""

import http.cookiejar
import io
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import redis
from celery import Celery

from diagnosis.demo import Lesion, Sample, files, load_template
from ml.inference import registry
from tests.verification.client import ENDED, Client
from tests.verification.servers import postgres_server, redis_server
from tests.verification.services import PASSWORD, ROOT, free_port, wait_for

_ACCOUNT = "from django.contrib.auth.models import User; User.objects.create_superuser('admin', password={password!r})"
_DOUBLED = """
from django.db.models import Count; from diagnosis.models import Embedding, Prediction
twice = Prediction.objects.values('scan').annotate(n=Count('pk')).filter(n__gt=1).count()
done = Prediction.objects.filter(state='done').count()
print('doubled', twice, 'embeddings', Embedding.objects.count() - done)
"""


@dataclass
class Version:
    """The programs of one version, on the common database, broker and files."""

    name: str
    folder: Path
    environment: dict[str, str]
    log: Path

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{self.name}: {' '.join(arguments)}\n{done.stderr}"
        return done.stdout

    def prepare(self) -> None:
        """What comes before the programs of a version start."""
        self.manage("migrate", "--noinput")
        self.manage("collectstatic", "--noinput")
        self.manage("register_model", "--default")

    @contextmanager
    def program(self, name: str, **more: str) -> Iterator[None]:
        """One line of this version's Procfile, until the end of the block."""
        lines = dict(line.split(": ", 1) for line in (self.folder / "Procfile").read_text().splitlines())
        command = lines[name].replace("worker@%h", f"{self.name}@%h").replace("beat-schedule", f"{self.name}-beat")
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                f"exec {command}", shell=True, cwd=self.folder, env=self.environment | more,
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)

    @contextmanager
    def web(self) -> Iterator["Browser"]:
        port = free_port()
        with self.program("web", PORT=str(port)):
            browser = Browser(f"http://127.0.0.1:{port}", "")
            wait_for(f"the {self.name} web process", browser.answers, seconds=120)
            browser.log_in()
            yield browser


@dataclass
class Browser(Client):
    """A person's session, which both versions know; their API tokens may differ."""

    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    def log_in(self) -> None:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        opener.open(f"{self.url}/login/").read()
        fields = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": self._cookie("csrftoken")}
        opener.open(f"{self.url}/login/", urllib.parse.urlencode(fields).encode()).read()
        assert self._cookie("sessionid"), f"no login at {self.url}"

    def _cookie(self, name: str) -> str:
        return next((str(cookie.value) for cookie in self.jar if cookie.name == name), "")

    def _send(self, request: urllib.request.Request) -> tuple[int, Any]:
        request.add_header("Cookie", f"sessionid={self._cookie('sessionid')}; csrftoken={self._cookie('csrftoken')}")
        request.add_header("X-CSRFToken", self._cookie("csrftoken"))
        return self.answer(request)


@dataclass
class Proof:
    """What was uploaded, by the step in which it was."""

    images: Iterator[tuple[str, bytes]]
    sent: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def upload(self, step: str, browser: Browser, count: int = 3) -> list[int]:
        status, receipt = browser.upload(*itertools.islice(self.images, count), case="UPGRADE")
        assert status == 201, receipt
        assert receipt["rejected"] == [], receipt
        ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
        self.sent.setdefault(step, []).extend(ids)
        return ids

    def wait(self, step: str, browser: Browser, *, seconds: float = 180) -> None:
        begun = time.monotonic()
        results = [browser.wait(one, seconds=seconds) for one in self.sent[step]]
        self.seconds[step] = time.monotonic() - begun
        states = {result["state"] for result in results}
        print(f"  {step}: {len(results)} scans, {', '.join(sorted(states))}, {self.seconds[step]:.1f} s", flush=True)

    def check(self, *browsers: Browser) -> None:
        """Each is a result, of one attempt, and the same for every browser."""
        for step, ids in self.sent.items():
            for one in ids:
                rows = [browser.get(f"/api/v1/predictions/{one}/")[1] for browser in browsers]
                told = [(row["state"], row["outcome"], row["tumor_probability"]) for row in rows]
                assert rows[0]["state"] in {"done", "refused"}, (step, rows[0])
                assert rows[0]["attempts"] == 1, (step, rows[0])
                assert len(set(told)) == 1, (step, told)
                for browser in browsers:
                    status, _ = browser.get(f"/predictions/{one}/")
                    assert status == 200, (step, status)


def images() -> Iterator[tuple[str, bytes]]:
    """Slices of the average brain, with a lesion somewhere else in every three of them."""
    volume = load_template()
    for number in itertools.count():
        center = (0.35 + 0.3 * (number * 0.37 % 1), 0.4 + 0.2 * (number * 0.61 % 1), 0.5 + 0.08 * (number * 0.23 % 1))
        for name, data in files(Sample("UPGRADE", Lesion(center, radius=0.06)), volume):
            yield f"{number}-{name}", data


def unpack(commit: str, folder: Path) -> Path:
    """The files of a commit. Exits with a reason where the clone lacks it."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if packed.returncode:
        print(f"Skipped: this clone has no {commit}; fetch it first (git fetch --unshallow, or --tags).")
        raise SystemExit(0)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def of_a_later_version(broker_url: str, ids: list[int]) -> None:
    """In place of what waits: the same messages with an argument, and one to a task, that no version knows."""
    client = redis.Redis.from_url(broker_url)
    client.delete("celery")
    app = Celery(broker=broker_url)
    for one in ids:
        app.send_task("diagnosis.run_prediction", kwargs={"prediction_id": one, "later": str(uuid.uuid4())})
    app.send_task("diagnosis.run_later", kwargs={"prediction_id": ids[0]})


def run(commit: str) -> None:
    """Raises AssertionError or TimeoutError where the versions do not get on."""
    begun = time.monotonic()
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brainscan-upgrade-")))
        data = temporary / "data"
        data.mkdir(mode=0o700)
        broker = stack.enter_context(redis_server(temporary / "redis"))
        environment = os.environ | {
            "DATABASE_URL": stack.enter_context(postgres_server()),
            "REDIS_URL": broker,
            "DATA_DIR": str(data),
            "SECRET_KEY": "upgrade-" + uuid.uuid4().hex * 2,
            "HTTPS": "0",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        log = ROOT / "var" / "verify-upgrade.log"
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(b"")
        old = Version("old", unpack(commit, temporary / "old"), environment, log)
        # As where the new version's files take the place of the old: its model is the active one.
        new = Version("new", ROOT, environment | {"ML_MODEL": str(registry.DEFAULT_ARTIFACT)}, log)
        _upgrade(old, new, broker, Proof(images()))
    print(f"{commit} and this version serve side by side: {time.monotonic() - begun:.0f} s.")


def _upgrade(old: Version, new: Version, broker: str, proof: Proof) -> None:
    old.prepare()
    old.manage("shell", "-c", _ACCOUNT.format(password=PASSWORD))
    with old.web() as old_web:
        with old.program("worker"), old.program("beat"):
            proof.upload("old alone", old_web)
            proof.wait("old alone", old_web)
        proof.upload("queued by the old site, while no worker runs", old_web)
        new.prepare()
        with new.web() as new_web:
            proof.upload("queued by both, before any worker", new_web)
            proof.upload("queued by both, before any worker", old_web)
            with old.program("worker"), old.program("beat"):
                proof.upload("old worker, new web", new_web)
                _old_worker_alone(proof, new_web)
                strange = proof.upload("messages of a later version, at the old worker", new_web)
                of_a_later_version(broker, strange)
                with new.program("worker"):
                    for step in list(proof.sent):
                        proof.wait(step, new_web)
                    for browser in (old_web, new_web):
                        proof.upload("both workers, both web processes", browser, 6)
                    proof.wait("both workers, both web processes", old_web)
            with new.program("worker"), new.program("beat"):
                proof.upload("new worker, old web", old_web)
                proof.wait("new worker, old web", old_web)
                strange = proof.upload("messages of a later version, at the new worker", old_web)
                of_a_later_version(broker, strange)
                proof.wait("messages of a later version, at the new worker", old_web)
            proof.check(old_web, new_web)
    assert new.manage("shell", "-c", _DOUBLED).split()[-4:] == ["doubled", "0", "embeddings", "0"]
    print(f"  {sum(map(len, proof.sent.values()))} scans, each analyzed once, the same for both", flush=True)


def _old_worker_alone(proof: Proof, browser: Browser) -> None:
    """It may do what waits, or leave it to a worker that has the model; it must not fail it."""
    ids = [one for step in proof.sent.values() for one in step]
    states = partial(_states, browser, ids)
    try:
        wait_for("the old worker", lambda: states() <= ENDED, seconds=45)
    except TimeoutError:
        print("  the old worker leaves the new model's scans in the queue", flush=True)
    assert states() <= {"done", "refused", "queued", "running"}, states()


def _states(browser: Browser, ids: list[int]) -> set[str]:
    return {str(browser.get(f"/api/v1/predictions/{one}/")[1]["state"]) for one in ids}


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        print("Name the version to upgrade from: make verify-upgrade FROM=<commit or tag>", file=sys.stderr)
        raise SystemExit(2)
    run(sys.argv[1])
