"""deid_report: what was kept of a case's files."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError

from diagnosis import intake
from tests import builders
from tests.factories import CaseFactory, ScanFactory

pytestmark = pytest.mark.django_db


def told(*args: str) -> str:
    out = io.StringIO()
    call_command("deid_report", *args, stdout=out)
    return out.getvalue()


def test_it_names_what_was_kept_and_how_much_was_not(user: Any) -> None:
    files = [SimpleUploadedFile("a.dcm", data) for data in builders.dicom_series(2, PatientName="Doe^Jane")]
    intake.receive(user=user, files=files, reference="CA-1")
    text = told("CA-1")
    assert "Series 5, axial, DICOM, 2 slices" in text
    assert "ImagePositionPatient" in text and "PatientName" not in text and "Doe" not in text
    assert "dropped" in text


def test_an_image_and_an_older_scan(user: Any) -> None:
    data = builders.png_bytes(builders.phantom(96), pnginfo=builders.png_text("Author", "Doe"))
    intake.receive(user=user, files=[SimpleUploadedFile("a.png", data)], reference="CA-1")
    ScanFactory(case__owner=user, case__reference="CA-2")
    assert "dropped  text" in told("CA-1")
    assert "kept as it was uploaded" in told("CA-2")


def test_which_case(user: Any) -> None:
    for owner in (user, None):
        CaseFactory(reference="CA-1", **({"owner": owner} if owner else {}))
    with pytest.raises(CommandError, match="no case CA-0"):
        told("CA-0")
    with pytest.raises(CommandError, match="name one with --owner"):
        told("CA-1")
    assert told("CA-1", "--owner", user.username) == ""  # it has no scans
