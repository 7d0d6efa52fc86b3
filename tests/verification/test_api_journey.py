"""The main job through the API, on the embedded defaults; test_servers does it again on PostgreSQL and Redis."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import builders
from tests.verification.client import Client
from tests.verification.services import ROOT, Site


def journey(site: Site, real_scans: dict[str, list[Path]]) -> None:
    """Upload good and broken files, wait for results, find them again, repeat one, read bytes."""
    client = Client(site.url, site.token())
    tumors, healthy = real_scans["tumor"][:3], real_scans["no_tumor"][:2]
    files = [(path.name, path.read_bytes()) for path in (*tumors, *healthy)]
    broken = [
        ("broken.jpg", files[0][1][:900]),
        ("notes.png", b"these are words"),
        ("black.png", builders.png_bytes(builders.phantom(128) * 0)),
    ]
    status, receipt = client.upload(*files, *broken, case="JOURNEY-1")
    assert status == 201, receipt
    assert [r["name"] for r in receipt["rejected"]] == ["broken.jpg", "notes.png"]
    results = [client.wait(scan["prediction"]["id"]) for scan in receipt["scans"]]
    assert [r["state"] for r in results] == ["done"] * 5 + ["refused"], results
    assert results[-1]["gate"]["reason"] == "blank"
    for result in results[:5]:
        assert 0 <= result["tumor_probability"] <= 1
        assert abs(sum(result["type_probabilities"].values()) - 1) < 1e-3
        assert result["milliseconds"]["forward"] > 0
        assert all(0 <= value <= 1 for value in (*result["evidence"]["peak"], *(result["evidence"]["box"] or ())))
        for kind in ("heatmap", "overlay"):
            status, image = client.get(result["evidence"][f"{kind}_url"].removeprefix(site.url))
            assert status == 200 and image.startswith(b"\x89PNG")
    status, found = client.get("/api/v1/predictions/?state=done&q=JOURNEY-1")
    assert (status, found["count"]) == (200, 5)

    status, again = client.upload(files[0], case="JOURNEY-1")
    assert status == 201
    assert again["scans"][0]["prediction"]["id"] == results[0]["id"]
    assert again["scans"][0]["duplicate"] is True

    status, data = client.get(f"/api/v1/scans/{receipt['scans'][0]['id']}/file/")
    assert (status, data) == (200, files[0][1])
    assert Client(site.url, "0" * 40).get("/api/v1/scans/")[0] == 401


def test_on_embedded_defaults(site: Site, real_scans: dict[str, list[Path]]) -> None:
    journey(site, real_scans)


def test_twins_uploaded_at_once_become_one_scan(site: Site) -> None:
    client = Client(site.url, site.token())
    image = ("twin.png", builders.png_bytes(builders.phantom(256, seed=4242)))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.upload(image, case="TWINS-1"), range(4)))
    assert [status for status, _ in answers] == [201] * 4
    assert len({receipt["scans"][0]["id"] for _, receipt in answers}) == 1


def test_the_command_line_and_the_site_say_the_same(site: Site, real_scans: dict[str, list[Path]]) -> None:
    path = real_scans["tumor"][5]
    client = Client(site.url, site.token())
    _, receipt = client.upload_paths(path)
    online = client.wait(receipt["scans"][0]["prediction"]["id"])
    command = [sys.executable, "-m", "ml", "predict", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    offline = json.loads(done.stdout)
    assert offline["outcome"] == online["outcome"]
    assert abs(offline["tumor_probability"] - online["tumor_probability"]) < 1e-5
    assert offline["model"] == online["model"]
    assert offline["evidence"]["peak"] == pytest.approx(online["evidence"]["peak"], abs=1e-3)
