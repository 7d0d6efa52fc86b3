"""What a file says of its patient appears nowhere: not in database, storage, logs, pages or API."""

import logging
import random
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from diagnosis.inference import pipeline
from diagnosis.models import Prediction
from tests import builders
from tests.fakes import fake_model
from tests.verification.security import tried

pytestmark = pytest.mark.django_db

_TEXTS = ("PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE")
_DATES = ("DA", "DT")
_NEEDED = ("PatientID", "SpecificCharacterSet", "PhotometricInterpretation", "TransferSyntaxUID", "BodyPartExamined")


def plant(dataset: Dataset, word: str, day: str) -> int:
    """Put a word into every element of text that the standard knows, and a day into every date; returns how many."""
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
            if not keyword or keyword in _NEEDED or tag >> 16 <= 0x0006 or tag in dataset:
                continue
            if vr in _TEXTS:
                dataset.add_new(tag, vr, word[:16])
            elif vr in _DATES:
                dataset.add_new(tag, vr, day)
            else:
                continue
            count += 1
        private = dataset.private_block(0x0029, word[:16], create=True)
        private.add_new(1, "LO", word)
        dataset.PatientID = word
        dataset.OtherPatientIDsSequence = [Dataset()]
        dataset.OtherPatientIDsSequence[0].PatientID = word
    return count


def files(word: str, day: str, count: int) -> list[bytes]:
    from pydicom import dcmread
    from pydicom.filebase import DicomBytesIO

    planted = []
    for data in builders.dicom_series(count):
        dataset = dcmread(DicomBytesIO(data))
        assert plant(dataset, word, day) > 800
        dataset.preamble = word.encode().ljust(128, b"\0")[:128]
        out = DicomBytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.save_as(out)
        planted.append(out.getvalue())
    return planted


def database() -> str:
    return "\n".join(
        repr([getattr(row, field.attname) for field in model._meta.concrete_fields])
        for model in apps.get_models()
        for row in model._base_manager.all()
    )


def storage() -> list[bytes]:
    found = []
    for path in Path(default_storage.location).rglob("*"):  # type: ignore[attr-defined]
        if path.is_file():
            found += [path.name.encode(), path.read_bytes()]
    return found


@pytest.mark.attack("identifiers")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("by_patient", [False, True])
@pytest.mark.slow
def test_planted_values_appear_nowhere(
    as_user: Client, model_version: Any, settings: Any, monkeypatch: Any, caplog: Any, seed: int, by_patient: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.CASE_BY_PATIENT = by_patient
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))
    rng = random.Random(seed)
    word = "".join(rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=16))
    day = f"19{rng.randint(10, 69)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    good = files(word, day, 3)
    bad = [good[0][:3000], good[1].replace(b"ISO_IR", b"ISO\0IR"), good[2][:-20]]
    tried(len(good + bad))
    uploads = [SimpleUploadedFile(f"IM{n}", data) for n, data in enumerate([*good, *bad])]
    answer = as_user.post("/api/v1/scans/", {"files": uploads})
    assert answer.status_code == 201
    [scan] = answer.json()["scans"]
    pipeline.run(prediction_id=scan["prediction"]["id"])
    prediction = Prediction.objects.get()
    assert prediction.state == "done"
    pages = [f"/predictions/{prediction.pk}/", "/history/", "/cases/", f"/cases/{prediction.scan.case_id}/", "/upload/"]
    pages += [f"/predictions/{prediction.pk}/slices/", "/api/v1/predictions/", "/api/v1/scans/", "/api/v1/cases/"]
    pages += [f"/api/v1/predictions/{prediction.pk}/", f"/api/v1/predictions/{prediction.pk}/slices/"]
    seen = [as_user.get(page).content for page in pages]
    everything = [database().encode(), caplog.text.encode(), answer.content, *seen, *storage()]
    for place in everything:
        for secret in (word[:8], day):
            assert secret.encode() not in place and secret.lower().encode() not in place
            assert secret.encode("utf-16-le") not in place
    assert len(everything) > 20 and prediction.scan.frames == 3
