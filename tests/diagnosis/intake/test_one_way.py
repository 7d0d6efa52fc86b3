"""Command line and site go one way: the same scans, the same slices in the same order, and the same outcome."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pydicom.uid import generate_uid

from diagnosis import intake
from diagnosis.inference import pipeline
from diagnosis.models import Prediction
from ml.cli import main
from ml.readers import study
from tests import builders
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db

CASES = Path(os.environ.get("BRAINSCAN_CASES", Path(__file__).resolve().parents[4] / "shared" / "cases"))
AXIAL, CORONAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]
M: dict[str, Any] = {"ComplexImageComponent": "MAGNITUDE"}
PHASE: dict[str, Any] = {"ComplexImageComponent": "PHASE"}

Found = list[tuple[str, list[str], str, str | None]]
"""Of each scan: its name, the digests of its slices in viewing order, its outcome, and the reason of a refusal."""


def series(*parts: dict[str, Any], count: int = 4, **common: Any) -> bytes:
    """An archive of one series with several parts at the same places, shuffled."""
    common |= {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
    files = []
    for number, tags in enumerate(parts):
        planes = [builders.phantom(96, seed=10 * number + n) for n in range(count)]
        files += builders.dicom_series(count, planes=planes, **(common | tags))
    order = np.random.default_rng(3).permutation(len(files))
    return builders.zipped({f"IM{n}": files[n] for n in order})


def frames(*groups: dict[str, Any]) -> bytes:
    return builders.enhanced_bytes(np.stack([builders.phantom(96, seed=n) for n in range(len(groups))]), list(groups))


def at(z: float, way: list[int] = AXIAL, **more: Any) -> dict[str, Any]:
    return {"ImagePositionPatient": list(z * np.cross(way[:3], way[3:])), "ImageOrientationPatient": way} | more


def mixed() -> bytes:
    files = {f"a/{n}": data for n, data in enumerate(builders.dicom_series(3))}
    files |= {"b/knee": builders.dicom_series(1, BodyPartExamined="KNEE")[0], "c.png": builders.png_bytes()}
    return builders.zipped(files | {"d.txt": b"these are words", "e.nii": builders.nifti_bytes(3)})


MADE = {
    "one series": lambda: series({}),
    "acquisitions": lambda: series({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
    "three flip angles": lambda: series({"FlipAngle": 5}, {"FlipAngle": 15}, {"FlipAngle": 30}),
    "times": lambda: series({"AcquisitionTime": "100000"}, {"AcquisitionTime": "100500"}),
    "nothing tells": lambda: series({}, {}),
    "one UID for all": lambda: series({}, SOPInstanceUID=generate_uid()),
    "phase first": lambda: frames(*(at(z, **one) for z in (0, 5, 10) for one in (PHASE, M))),
    "frames out of order": lambda: frames(*(at(z) for z in (5, 15, 0, 10))),
    "three planes": lambda: frames(*(at(z, way) for way in (AXIAL, SAGITTAL, CORONAL) for z in (0, 5))),
    "echoes": lambda: frames(*(at(z, EffectiveEchoTime=echo) for z in (0, 5) for echo in (20.0, 90.0))),
    "one magnitude frame": lambda: frames(at(0, **PHASE), at(0, **M)),
    "frames that nothing tells apart": lambda: frames(*(at(z) for z in (0, 5, 0, 5))),
    "frames without places": lambda: builders.dicom_bytes(np.stack([builders.phantom(96, seed=n) for n in range(3)])),
    "volume": lambda: builders.nifti_bytes(4),
    "all kinds": mixed,
}


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch, model_version: Any) -> None:
    monkeypatch.setattr("ml.cli.serving.load_model", lambda *_, **__: fake_model(0.9))
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))


def by_command_line(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> tuple[Found, set[str]]:
    assert main(["predict", str(path)]) == 0
    record = json.loads(capsys.readouterr().out)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    found = study.open_study(path, folder=folder)
    records = record.get("scans", [record])
    scans = [
        (
            scan.name,
            [scan.slices.image(n).pixel_sha256() for n in range(scan.slices.frames)],
            one["outcome"],
            one["gate"]["reason"],
        )
        for scan, one in zip(found.scans, records, strict=True)
    ]
    return sorted(scans), {error.code for _, error in found.rejected}


def by_site(path: Path, user: Any) -> tuple[Found, set[str]]:
    receipt = intake.receive(user=user, files=[SimpleUploadedFile(path.name, path.read_bytes())])
    scans = []
    for prediction in Prediction.objects.order_by("id"):
        pipeline.run(prediction_id=prediction.pk)
        prediction.refresh_from_db()
        scan = prediction.scan
        rows = list(scan.slices.order_by("index").values_list("pixel_sha256", flat=True))
        digests = rows if scan.is_series or scan.is_multi_file else [scan.pixel_sha256]
        scans.append((scan.name, digests, prediction.outcome, (prediction.gate or {}).get("reason")))
    return sorted(scans), {one.code for one in receipt.rejected}


def check(path: Path, user: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scans, rejected = by_command_line(path, capsys, tmp_path)
    on_site, rejected_there = by_site(path, user)
    unordered = [one for one in scans if one[3] == "cannot_be_ordered"]
    if path.suffix == ".dcm":  # a whole file that cannot be ordered is not stored
        scans = [one for one in scans if one not in unordered]
    for found in (scans, on_site):  # slices that cannot be ordered have no order to compare
        for one in found:
            if one[3] == "cannot_be_ordered":
                one[1].sort()
    assert on_site == scans
    assert rejected_there == rejected | {"cannot_be_ordered" for _ in unordered}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.slow
def test_command_line_and_site_agree_on_generated_files(
    name: str, user: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = MADE[name]()
    path = tmp_path / ("case.zip" if data.startswith(b"PK") else "case.dcm")
    path.write_bytes(data)
    check(path, user, capsys, tmp_path)


SERIES = (
    *("same_sop.zip", "two_acquisitions.zip", "flip_angle.zip", "ge_bvalue.zip", "irregular_spacing.zip"),
    *("enh_phase_first.dcm", "enh_frame_order.dcm", "enh_three_planes.dcm", "hot_voxel.nii.gz"),
)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.slow
def test_command_line_and_site_agree_on_real_files(
    name: str, user: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if not (CASES / name).is_file():
        pytest.skip(f"needs {name} (set BRAINSCAN_CASES)")
    check(CASES / name, user, capsys, tmp_path)
