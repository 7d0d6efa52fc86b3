"""Real DICOM software: dcmtk sends to the listener; Orthanc is searched, gives studies out, takes results, sends."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.uid import generate_uid

from ml import readers
from ml.readers.burned_in_text import find_text
from tests.builders import dicom_bytes
from tests.processes import started_with
from tests.verification.client import Client
from tests.verification.security import tried
from tests.verification.services import (
    PASSWORD,
    Orthanc,
    Site,
    dcmtk,
    free_port,
    listens,
    orthanc_server,
    running_site,
    wait_for,
)
from tests.verification.test_slow_clients import is_echoed, stay_silent

PATIENT = {
    "PatientName": "Zebedee^Quillon",
    "PatientID": "MRN-8861234",
    "PatientBirthDate": "19610427",
    "InstitutionName": "Eligiusklinik",
    "ReferringPhysicianName": "Ehrlich^Westphall",
    "StudyDate": "20230714",
    "StudyDescription": "MR HEAD QUILLON",
    "ProtocolName": "Quillon ax T1",
}
"""All of it is made up, and none of it may be found anywhere on this side, or go back."""


@dataclass
class Study:
    """An MR series of a head, as a scanner made it."""

    accession: str
    files: list[bytes]
    secrets: list[str]


@dataclass
class DicomNetwork:
    """A site, its archive, and the port of its listener."""

    site: Site
    orthanc: Orthanc
    port: int

    @property
    def client(self) -> Client:
        return Client(self.site.url, self.site.token())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomNetwork]:
    folder = tmp_path_factory.mktemp("network")
    port = free_port()
    with orthanc_server(folder / "orthanc") as orthanc:
        environment: dict[str, Any] = {
            "DICOM_PORT": str(port),
            "DICOM_ALLOWED_AES": "SCANNER@127.0.0.1,SECOND@127.0.0.2,ELSEWHERE@192.0.2.1",
            "DICOM_USER": "admin",
            "DICOMWEB_URL": orthanc.dicomweb,
            "METRICS_TOKEN": "of-the-figures",
            "MAKEFLAGS": f" -- ADMIN_PASSWORD={PASSWORD}",
        }
        with running_site(folder / "data", LOG_LEVEL="DEBUG", **environment) as site:
            wait_for("the listener", lambda: listens(port), seconds=30)
            yield DicomNetwork(site, orthanc, port)


@pytest.mark.attack("secrets")
def test_each_process_gets_the_secrets_that_it_needs(network: DicomNetwork) -> None:
    wanted = {"METRICS_TOKEN", "DICOMWEB_URL", "MAKEFLAGS", "ADMIN_PASSWORD", "SECRET_KEY"}
    found: dict[str, set[str]] = {}
    for pid, command in network.site.processes().items():
        given = started_with(pid)
        tried(len(wanted))
        found.setdefault(program_of(command, given), set()).update(wanted & set(given))
    assert found == {
        "launcher": {"METRICS_TOKEN", "DICOMWEB_URL", "MAKEFLAGS", "ADMIN_PASSWORD"},
        "web": {"METRICS_TOKEN", "DICOMWEB_URL"},  # and multiprocessing's tracker, a part of it
        "decoder": {"SECRET_KEY"},  # a placeholder, not the key
        "worker": set(),
        "beat": set(),
        "dicom": set(),
        "queue": set(),
    }
    warned = network.site.log.read_text().count("ADMIN_PASSWORD was given as an argument of make")
    assert warned == 1 and PASSWORD not in network.site.log.read_text()


def program_of(command: str, given: dict[str, str]) -> str:
    """Which program of a site a process belongs to."""
    if "forkserver" in command:
        assert given["SECRET_KEY"] == "signs-nothing"
        return "decoder"
    words = {
        "run_site": "launcher",
        "gunicorn": "web",
        "resource_tracker": "web",
        "brainscan worker": "worker",
        "decoder_child": "decoder",
        "brainscan beat": "beat",
        "dicom_listener": "dicom",
        "valkey": "queue",
    }
    [program] = {program for word, program in words.items() if word in command}
    return program


@pytest.fixture
def study(real_data: Path, request: pytest.FixtureRequest) -> Study:
    """Four slices 5 mm apart, all of one real image with noise of their own, so that a tumor is seen in each."""
    with (real_data / "scans.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "test" and row["label"] == "tumor"]
    number = sum(map(ord, request.node.name)) % len(rows)
    slices = next(filter(None, (_slices(real_data / row["path"]) for row in rows[number:] + rows)))
    uids = [generate_uid() for _ in range(7)]
    accession = f"ACC{number:05}"
    tags: dict[str, Any] = PATIENT | {
        "AccessionNumber": accession,
        "StudyInstanceUID": uids[0],
        "SeriesInstanceUID": uids[1],
        "FrameOfReferenceUID": uids[2],
        "BodyPartExamined": "BRAIN",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
        "PixelSpacing": [0.9, 0.9],
        "SliceThickness": 5,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    }
    files = []
    for index, pixels in enumerate(slices):
        own: dict[str, Any] = {"SOPInstanceUID": uids[3 + index], "InstanceNumber": index + 1}
        files.append(dicom_bytes(pixels, ImagePositionPatient=[-115, -115, 5 * index], **tags, **own))
    words = [word for value in PATIENT.values() for word in value.replace("^", " ").split() if len(word) > 3]
    return Study(accession, files, [*(w for w in words if w not in ("HEAD",)), accession, *uids])


def _slices(path: Path) -> list[NDArray[np.uint8]]:
    """Four versions of an image that differ in their noise; none if intake would see letters in it."""
    with Pillow.open(path) as opened:
        image = np.asarray(opened.convert("L").resize((256, 256)), np.int16)
    noise = np.random.default_rng(1).integers(-2, 3, (4, *image.shape))
    versions = list(np.clip(image + noise, 0, 255).astype(np.uint8))
    return versions if not any(find_text(readers.read(dicom_bytes(one))) for one in versions) else []


def newest(client: Client) -> dict[str, Any]:
    return dict(client.get("/api/v1/scans/?page_size=1")[1]["results"][0])


def leaks(folder: Path, secrets: list[str]) -> list[str]:
    """Which of the secrets are in a file of the folder, in plain bytes. The site's own static files are left out."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and folder / "static" not in path.parents:
            data = path.read_bytes()
            found += [f"{secret} in {path.name}" for secret in secrets if secret.encode() in data]
    return found


def assert_nothing_leaked(network: DicomNetwork, study: Study) -> None:
    """Database, stored files, queue and log."""
    assert not leaks(network.site.data_dir, study.secrets)
    assert not [secret for secret in study.secrets if secret in network.site.log.read_text(errors="replace")]


def written(folder: Path, files: list[bytes]) -> list[Path]:
    paths = [folder / f"{number}.dcm" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return paths


def send(port: int, *paths: Path, title: str = "SCANNER", called: str = "BRAINSCAN") -> Any:
    return dcmtk("storescu", "-aet", title, "-aec", called, "127.0.0.1", str(port), *paths)


def test_dcmtk_sends_a_series_to_the_listener(network: DicomNetwork, study: Study, tmp_path: Path) -> None:
    echo = dcmtk("echoscu", "-aet", "SCANNER", "-aec", "BRAINSCAN", "127.0.0.1", str(network.port))
    assert echo.returncode == 0, echo.stderr
    done = send(network.port, *written(tmp_path, study.files))
    assert done.returncode == 0, done.stderr
    client = network.client
    scan = newest(client)
    assert (scan["format"], scan["frames"], scan["owner"]) == ("DICOM", 4, "admin")
    result = client.wait(scan["predictions"][0]["id"], seconds=120)
    assert result["state"] == "done", result
    status, packed = client.get(f"/api/v1/scans/{scan['id']}/file/")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert len(archive.namelist()) == 4
        for number, name in enumerate(archive.namelist()):
            path = tmp_path / f"stored-{number}.dcm"
            path.write_bytes(archive.read(name))
            dump = dcmtk("dcmdump", "+L", "--print-all", path).stdout
            assert "PixelData" in dump and "PatientIdentityRemoved" in dump
            assert not [secret for secret in study.secrets if secret in dump]
    assert_nothing_leaked(network, study)


def test_strangers_are_refused(network: DicomNetwork, study: Study, tmp_path: Path) -> None:
    paths = written(tmp_path, study.files)
    for title, called in (("STRANGER", "BRAINSCAN"), ("ELSEWHERE", "BRAINSCAN"), ("SCANNER", "OTHER")):
        done = send(network.port, *paths, title=title, called=called)
        assert done.returncode != 0 and "Association Rejected" in done.stderr + done.stdout


def test_compressed_slices_are_taken(network: DicomNetwork, study: Study, tmp_path: Path) -> None:
    packed = []
    for path in written(tmp_path, study.files[:2]):
        packed.append(path.with_suffix(".jpg.dcm"))
        assert dcmtk("dcmcjpeg", "+e1", path, packed[-1]).returncode == 0
    arguments = ("-aet", "SCANNER", "-aec", "BRAINSCAN", "-xs", "127.0.0.1", str(network.port))
    done = dcmtk("storescu", *arguments, *packed)
    assert done.returncode == 0, done.stderr
    assert newest(network.client)["frames"] == 2


def test_a_study_is_fetched_judged_and_its_result_sent_back(
    network: DicomNetwork, study: Study, tmp_path: Path
) -> None:
    client, orthanc = network.client, network.orthanc
    for data in study.files:
        orthanc.call("/instances", data)
    before = set(orthanc.call("/instances"))
    status, receipt = client.post("/api/v1/pull/", json.dumps({"accession": study.accession}).encode())
    assert status == 201, receipt
    [scan] = receipt["scans"]
    assert scan["frames"] == 4
    result = client.wait(scan["prediction"]["id"], seconds=120)
    assert result["state"] == "done", result
    status, sent = client.post(f"/api/v1/predictions/{result['id']}/send/")
    assert status == 200, sent
    new = set(orthanc.call("/instances")) - before
    assert len(new) == sent["sent"] >= 2
    kinds = set()
    for number, instance in enumerate(sorted(new)):
        path = tmp_path / f"returned-{number}.dcm"
        path.write_bytes(orthanc.call(f"/instances/{instance}/file"))
        dump = dcmtk("dcmdump", "+L", "--print-all", path).stdout
        assert not [secret for secret in study.secrets if secret in dump]
        tags = orthanc.call(f"/instances/{instance}/simplified-tags")
        kinds.add(tags["Modality"])
        assert tags["PatientID"] == receipt["case"]
        if tags["Modality"] == "SR":
            report = dcmtk("dsrdump", path)
            assert report.returncode == 0, report.stderr
            assert "Imaging Measurement Report" in report.stdout
            assert "Not signed by a reader" in report.stdout
            assert result["model"].partition("@")[2] in report.stdout
            assert f'"{round(result["tumor_probability"], 6)}"'[:5] in report.stdout
        else:
            assert tags["BurnedInAnnotation"] == "YES" and "not a diagnosis" in tags["ImageComments"]
    assert kinds == {"SR", "OT"}
    again = client.post(f"/api/v1/predictions/{result['id']}/send/")
    assert again[0] == 200
    assert set(orthanc.call("/instances")) - before == new
    assert_nothing_leaked(network, study)


def test_the_command_fetches_too(network: DicomNetwork, study: Study) -> None:
    for data in study.files:
        network.orthanc.call("/instances", data)
    said = network.site.manage("pull_study", "--accession", study.accession, "--user", "admin")
    assert "4 images in 1 scans" in said
    status, problem = network.client.post("/api/v1/pull/", json.dumps({"accession": "NOSUCH"}).encode())
    assert (status, problem["code"]) == (404, "nothing_found")


def test_orthanc_sends_by_stow_rs(network: DicomNetwork, study: Study) -> None:
    """Its client does not state the length of what it sends."""
    orthanc, client = network.orthanc, network.client
    instances = [orthanc.call("/instances", data)["ID"] for data in study.files]
    here = {"Url": f"{network.site.url}/dicomweb/", "HttpHeaders": {"Authorization": f"Token {client.token}"}}
    orthanc.call("/dicom-web/servers/here", json.dumps(here).encode(), method="PUT")
    order = json.dumps({"Resources": instances, "Synchronous": True}).encode()
    orthanc.call("/dicom-web/servers/here/stow", order)
    scan = wait_for(
        "the series' arrival", lambda: newest(client) if newest(client)["frames"] == 4 else None, seconds=30
    )
    assert client.wait(scan["predictions"][0]["id"], seconds=120)["state"] == "done"
    assert_nothing_leaked(network, study)


def test_the_listener_ends_with_the_site(tmp_path: Path) -> None:
    port = free_port()
    environment: dict[str, Any] = {"DICOM_PORT": str(port), "DICOM_ALLOWED_AES": "SCANNER", "DICOM_USER": "admin"}
    with running_site(tmp_path / "data", worker=False, **environment) as site:
        wait_for("the listener's start", lambda: site.find("dicom_listener"), seconds=30)
        echo = ("echoscu", "-aet", "SCANNER", "-aec", "BRAINSCAN", "127.0.0.1", str(port))
        wait_for("an echo", lambda: dcmtk(*echo).returncode == 0, seconds=30)
        site.stop()
        assert site.processes() == {}


def test_silent_connections_hold_up_no_other_address(network: DicomNetwork) -> None:
    stay_silent(network.port)
    wait_for("its own turn", lambda: is_echoed(network.port, address="127.0.0.1", name="SCANNER"), seconds=20)
