"""Bytes that an upload carries beside its image, here virus scanners' test string, are in no stored file and no answer.

A scanner asks whether a file that is kept for others holds something that runs. None is kept: see docs/security.md.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver
from PIL import Image as Pillow

from diagnosis.inference import pipeline
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from tests import builders
from tests.diagnosis.access.test_blinding_routes import routes
from tests.diagnosis.deid import test_raster
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db

EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"
"""In parts, so that no scanner takes this file away."""
BYTES = EICAR.encode()


def image(seed: int) -> Pillow.Image:
    return Pillow.fromarray(builders.phantom(96, seed=seed))


def dicom() -> bytes:
    dataset = builders.dicom_dataset(builders.phantom(96, seed=21))
    dataset.private_block(0x0029, "HIDDEN", create=True).add_new(1, "OB", BYTES)
    dataset.add_new(0xFFFCFFFC, "OB", BYTES)  # Data Set Trailing Padding
    dataset.PatientComments = EICAR
    file = bytearray(builders.dicom_file(dataset))
    file[: len(BYTES)] = BYTES  # the preamble
    return bytes(file)


def nifti() -> bytes:
    planes = np.stack([builders.phantom(96, seed=seed) for seed in (31, 32)], axis=2)
    kind: Any = nib.Nifti1Image
    volume = kind(planes, np.diag([1.0, 1.0, 5.0, 1.0]))
    volume.header.extensions.append(nib.nifti1.Nifti1Extension("comment", BYTES * 3))
    volume.header["descrip"] = EICAR
    return bytes(volume.to_bytes()) + BYTES


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as found:
        found.comment = BYTES
        member = zipfile.ZipInfo("inside.png")
        member.comment, member.extra = BYTES, b"\x99\x99" + len(BYTES).to_bytes(2, "little") + BYTES
        found.writestr(member, builders.png_bytes(builders.phantom(96, seed=41)))
        found.writestr("run.com", EICAR)
    return stream.getvalue()


CARRIERS = {
    "worded.png": test_raster.worded_png(image(11), 1, EICAR),
    "worded.jpg": test_raster.worded_jpeg(image(12), 1, EICAR),
    "worded.tif": test_raster.worded_tiff(image(13), 1, EICAR),
    "worded.webp": test_raster.worded_webp(image(14), 1, EICAR),
    "worded.gif": test_raster.worded_gif(image(15), 1, EICAR),
    "worded.bmp": test_raster.worded_bmp(image(16), 1, EICAR),
    "object.dcm": dicom(),
    "volume.nii": nifti(),
    "archive.zip": archive(),
}


def addresses() -> Iterator[str]:
    """Every address of pages and API that names a row of what was uploaded: each scan and slice, and two predictions,
    whose reports take time."""
    ids: dict[str, list[int]] = {
        "prediction": list(Prediction.objects.filter(scan__format__in=["JPEG", "DICOM"]).values_list("pk", flat=True)),
        "scan": list(Scan.objects.values_list("pk", flat=True)),
        "case": sorted(set(Scan.objects.values_list("case", flat=True))),
        "slice": list(Slice.objects.values_list("pk", flat=True)),
        "result": list(SliceResult.objects.values_list("pk", flat=True)),
    }
    for _, route in routes(get_resolver().url_patterns):
        found = re.findall(r"<int:(\w+)>", route)
        kind = found[0].removesuffix("_id") if found else ""
        kind = re.sub(r".*v1/(\w+)s/$", r"\1", route.partition("<")[0]) if kind == "pk" else kind
        for number in ids.get(kind, []):
            yield "/" + re.sub(r"<int:\w+>", "0", route.replace(f"<int:{found[0]}>", str(number)))


@pytest.mark.slow
def test_bytes_beside_the_image_are_neither_stored_nor_sent(
    as_user: Client, model_version: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    assert all(BYTES in data for data in CARRIERS.values())
    uploads = [SimpleUploadedFile(name, data) for name, data in CARRIERS.items()]
    answer = as_user.post("/api/v1/scans/", {"files": uploads})
    assert [one["name"] for one in answer.json()["rejected"]] == ["run.com"]
    for prediction in Prediction.objects.all():
        pipeline.run(prediction_id=prediction.pk)
    assert Prediction.objects.filter(state="done").count() == len(CARRIERS)

    folder = Path(default_storage.location)  # type: ignore[attr-defined]
    stored = [path for path in folder.rglob("*") if path.is_file()]
    assert len(stored) >= 2 * len(CARRIERS)
    assert [path for path in stored if BYTES in path.read_bytes()] == []

    answers = {address: as_user.get(address) for address in addresses()}
    bodies = {address: b"".join(found) for address, found in answers.items() if found.status_code == 200}
    assert [address for address, body in bodies.items() if BYTES in body] == []
    for part in ("file", "preview", "thumbnail", "pixels", "heatmap", "overlay", "report", "dicom", "fhir", "export"):
        assert any(f"/{part}/" in address for address in bodies), part
