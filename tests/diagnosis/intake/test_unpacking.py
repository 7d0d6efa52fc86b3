"""Archives: each of their files is judged alone, within limits."""

import io
import tarfile
import tracemalloc
from typing import Any

import pytest

from diagnosis.models import Scan
from tests import builders
from tests.diagnosis.intake.test_series import receive

pytestmark = pytest.mark.django_db


def test_an_archive_is_its_files_each_judged_alone(user: Any) -> None:
    files = {f"study/IM{number}": data for number, data in enumerate(builders.dicom_series(3))}
    files |= {"study/readme.txt": b"hello there", "../out.png": builders.png_bytes(), "a.png": builders.png_bytes()}
    receipt = receive(user, builders.zipped(files), reference="CA-1")
    assert sorted((a.scan.name, a.files) for a in receipt.accepted) == [("Series 5, axial", 3), ("a.png", 1)]
    assert sorted((r.name, r.code) for r in receipt.rejected) == [("out.png", "archive_path"), ("readme.txt", "text")]
    assert {scan.case.reference for scan in Scan.objects.all()} == {"CA-1"}


def test_the_limit_for_images_holds_within_archives(user: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    big = b"\x89PNG" + b"0" * 1_048_577
    receipt = receive(user, builders.zipped({"big.png": big, "a.png": builders.png_bytes()}))
    assert [(r.name, r.code) for r in receipt.rejected] == [("big.png", "too_large")]


def test_an_image_too_large_within_an_archive_is_not_unpacked(user: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    data = builders.zipped({"big.png": b"\x89PNG\r\n\x1a\n" + bytes(15_000_000)})
    tracemalloc.start()
    try:
        receipt = receive(user, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(r.name, r.code) for r in receipt.rejected] == [("big.png", "too_large")]
    assert peak < 3_000_000


def test_files_before_the_cut_of_a_truncated_archive_are_taken(user: Any) -> None:
    files = {f"{n}.png": builders.png_bytes(builders.phantom(96, seed=n)) for n in range(3)}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    whole = stream.getvalue()
    receipt = receive(user, whole[: whole.index(files["2.png"]) + 100])
    assert [accepted.name for accepted in receipt.accepted] == ["0.png", "1.png"]
    assert [(r.name, r.code) for r in receipt.rejected] == [("IM0000", "archive_damaged")]


def test_a_file_with_a_false_size_is_refused_alone(user: Any) -> None:
    data = bytearray(builders.zipped({"bomb.png": bytes(50_000), "a.png": builders.png_bytes()}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (3).to_bytes(4, "little")
    receipt = receive(user, bytes(data))
    assert [accepted.name for accepted in receipt.accepted] == ["a.png"]
    assert [(r.name, r.code) for r in receipt.rejected] == [("bomb.png", "archive_member_damaged")]
