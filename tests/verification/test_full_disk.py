"""A whole site on a small file system of its own that is filled to the last byte: used, freed, and everything done."""

import errno
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site, running_site, wait_for
from tests.verification.test_faults import RESULTS, is_whole, phantoms

SECTION = "Full disk"
SIZE_MB = 320


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 320 MB in memory, unmounted at the end."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "tmpfs", str(folder)])
    if done.returncode:
        pytest.skip("needs the right to mount a file system (root)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Filler:
    """Another program that fills the disk and takes every byte that becomes free, until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "not-ours"
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def fill(self, *, keep: int = 0) -> None:
        """Take all but `keep` bytes of what is free now."""
        free = os.statvfs(self._file.parent).f_bavail * os.statvfs(self._file.parent).f_frsize
        with suppress(OSError), self._file.open("ab", buffering=0) as file:
            left = free - keep
            while left > 0:
                left -= file.write(b"\xff" * min(left, 65536)) or 0

    def keep_filling(self) -> None:
        """Take whatever becomes free, until `stop`."""

        def take() -> None:
            with self._file.open("ab", buffering=0) as file:
                while not self._over.is_set():
                    try:
                        file.write(b"\xff" * 65536)
                    except OSError as error:
                        assert error.errno == errno.ENOSPC
                        self._over.wait(0.05)

        self._thread = threading.Thread(target=take, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give everything back."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._file.unlink(missing_ok=True)


class Browser:
    """A person's session on the pages."""

    def __init__(self, site: Site) -> None:
        self._site, self._cookies = site, CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> tuple[int, str]:
        try:
            with self._opener.open(self._site.url + path, timeout=60) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def log_in(self) -> int:
        """The status of the answer to a login; 200 once its page has been followed."""
        self.get("/login/")
        token = next(cookie.value for cookie in self._cookies if cookie.name == "csrftoken")
        form = urlencode({"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
        try:
            with self._opener.open(self._site.url + "/login/", form, timeout=60) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code


def states(client: Client) -> dict[int, str]:
    """Every prediction's state, by its scan; raises if a scan has two."""
    found: dict[int, str] = {}
    page = "/api/v1/predictions/?page_size=200"
    for one in client.get(page)[1]["results"]:
        assert one["scan"] not in found
        found[one["scan"]] = one["state"]
    return found


def storage_files(site: Site) -> dict[str, int]:
    """Each stored file with its bytes."""
    folder = site.data_dir / "storage"
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def known_files(site: Site) -> set[str]:
    """The files that rows of the database name."""
    code = (
        "import json; from diagnosis.models import *; "
        "print(json.dumps([n for m in (Scan, Slice) for r in m.objects.values_list('file', 'preview', 'thumbnail') "
        "for n in r if n] + list(DiscardedFile.objects.values_list('name', flat=True))))"
    )
    return set(json.loads(site.manage("shell", "-v0", "-c", code)))


def check_whole(site: Site, client: Client, wanted: int) -> tuple[int, int]:
    """After recovery: how many of `wanted` scans are lost, and how many are there twice."""
    wait_for("a whole site", lambda: is_whole(site.ready()), seconds=120)
    wait_for("all results", lambda: set(states(client).values()) <= RESULTS, seconds=180)
    count = len(states(client))
    files = storage_files(site)
    assert 0 not in files.values()
    assert set(files) == known_files(site)
    return max(0, wanted - count), max(0, count - wanted)


def test_uploads_stop_before_the_disk_is_full(small_disk: Path) -> None:
    with running_site(small_disk / "data", MIN_FREE_MB="64", TMPDIR=str(small_disk)) as site:
        client, filler = Client(site.url, site.token()), Filler(small_disk)
        assert client.upload(*phantoms(3))[0] == 201
        filler.fill(keep=60 * 1024 * 1024)
        status, problem = client.upload(*phantoms(3, start=10))
        assert (status, problem["code"]) == (507, "no_room")
        assert site.ready()["space"]["ready"] is False
        assert site.ready()["status"] == "ok"
        filler.stop()
        assert client.upload(*phantoms(3, start=10))[0] == 201
        assert check_whole(site, client, 6) == (0, 0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("again", [False, True], ids=["once", "with-all-that-becomes-free"])
def test_a_full_disk_loses_nothing_and_the_site_recovers(small_disk: Path, again: bool) -> None:
    with running_site(small_disk / "data", MIN_FREE_MB="16", TMPDIR=str(small_disk)) as site:
        client, filler, person = Client(site.url, site.token()), Filler(small_disk), Browser(site)
        _, receipt = client.upload(*phantoms(24))
        first = receipt["scans"][0]["prediction"]["id"]
        client.wait(first)
        assert person.log_in() == 200
        programs = set(site.processes())
        with reliability.Watch(site) as watch:
            filler.fill()
            if again:
                filler.keep_filling()
            uploads = [client.upload(*phantoms(2, start=100 + n)) for n in range(3)]
            assert {status for status, _ in uploads} == {507}
            assert {answer["code"] for _, answer in uploads} == {"no_room"}
            if not again:
                wait_for("the reserve", lambda: "of the reserve are left" in site.log.read_text(), seconds=20)
                wait_for("the results", lambda: set(states(client).values()) <= RESULTS, seconds=120)
                assert Browser(site).log_in() == 200
                assert person.get(f"/predictions/{first}/")[0] == 200
            else:
                wait_for("a spent reserve", lambda: not any((site.data_dir / "reserve").iterdir()), seconds=60)
                assert person.get("/history/")[0] == 200
                status, text = Browser(site).log_in(), person.get(f"/predictions/{first}/")
                assert status in (200, 507) and (text[0] == 200 or "disk is full" in text[1])
            filler.stop()
            wait_for("a whole site", lambda: is_whole(site.ready()) and site.ready()["space"]["ready"], seconds=120)
            status, receipt = client.upload(*phantoms(6, start=100))
            assert status == 201 and len(receipt["scans"]) == 6
        lost, doubled = check_whole(site, client, 30)
        name = "filled again by another program with all that becomes free" if again else "filled by another program"
        reliability.record(
            fault=f"Disk {name}, later freed",
            section=SECTION,
            times=1,
            at_stake="24 scans in the queue, 3 uploads of 2 scans meanwhile, sessions",
            lost=lost,
            doubled=doubled,
            outage=watch.outage,
        )
        print(f"outage {watch.outage:.1f} s, refused {watch.refused}, answers {watch.answers}")
        assert (lost, doubled) == (0, 0)
        assert person.get("/history/")[0] == 200  # the session outlived it
        assert again or programs <= set(site.processes())  # nothing had to start again
        assert site.process.poll() is None
