"""Any mixture of two series, in any order and any split over uploads, gives the same scans as each alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from diagnosis import intake
from diagnosis.inference import series as inference_series
from diagnosis.models import Scan
from tests import builders

pytestmark = pytest.mark.django_db

SIDE = 24
STUDY, SERIES = "1.2.826.0.1.1", "1.2.826.0.1.2"
AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
APART = (
    *("EchoTime", "EchoNumbers", "InversionTime", "DiffusionBValue", "TemporalPositionIdentifier", "FlipAngle"),
    *("RepetitionTime", "AcquisitionNumber", "SequenceName", "ContrastBolusAgent", "AcquisitionTime", "InstanceNumber"),
    *("GE b-value", "Siemens b-value", "SeriesInstanceUID", "direction", "size"),
)
"""In what two series may differ."""


def tags_of(name: str, which: int, slice_number: int) -> dict[str, Any]:
    if name == "SeriesInstanceUID":
        return {name: f"{SERIES}.{which}"}
    if name == "AcquisitionTime":
        return {name: f"10{which}0{slice_number:02}"}
    if name == "InstanceNumber":
        return {name: 100 * which + slice_number}
    if name in ("SequenceName", "ContrastBolusAgent"):
        return {name: f"word {which}"}
    return {} if name in ("GE b-value", "Siemens b-value", "direction", "size") else {name: 5 + 10 * which}


def file(name: str, which: int, place: int, *, shared_uid: bool, blank: bool) -> bytes:
    """The slice at a place of one of two series."""
    side = SIDE + 8 * which if name == "size" else SIDE
    pixels = np.zeros((side, side), np.uint8) if blank else builders.phantom(side, seed=100 * which + place)
    way = CORONAL if name == "direction" and which else AXIAL
    dataset: Dataset = builders.dicom_dataset(
        pixels,
        StudyInstanceUID=STUDY,
        ImagePositionPatient=[float(one) for one in 5 * place * np.cross(way[:3], way[3:])],
        ImageOrientationPatient=way,
        SeriesNumber=5,
        **({"SeriesInstanceUID": SERIES} | tags_of(name, which, place)),
    )
    dataset.SOPInstanceUID = "1.2.826.0.1.3" if shared_uid else generate_uid()
    if name == "GE b-value":
        dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", [1000 * which, 8, 0, 0])
    if name == "Siemens b-value":
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", 1000 * which)
    return builders.dicom_file(dataset)


@contextmanager
def fresh_database() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def scans_of(user: Any, uploads: list[list[bytes]]) -> list[tuple[str, list[str]]]:
    """The name of each scan and the digests of its slices in viewing order, after these uploads to an empty site."""
    with fresh_database():
        for upload in uploads:
            files = [SimpleUploadedFile(f"IM{number}", data) for number, data in enumerate(upload)]
            assert intake.receive(user=user, files=files).rejected == []
        found = []
        for scan in Scan.objects.all():
            assert inference_series.arrange(scan) is None
            rows = scan.slices.order_by("index")
            assert scan.frames == len(rows) and scan.size == sum(row.file.size for row in rows)
            assert scan.predictions.count() == 1
            found.append((scan.name, [row.pixel_sha256 for row in rows]))
        return sorted(found)


@given(st.data())
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate],  # to shrink an example takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.slow
def test_a_mixture_gives_the_scans_of_each_alone(user: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(APART))
    shared_uid, blank_ends = data.draw(st.booleans()), data.draw(st.booleans())
    counts = [data.draw(st.integers(2, 4)) for _ in range(2)]
    # Parts that differ only in their acquisition time overlap in full; others by at least one position.
    in_time = name in ("AcquisitionTime", "InstanceNumber")
    counts[1] = counts[0] if in_time else counts[1]
    start = 0 if in_time else data.draw(st.integers(0, counts[0] - 1))
    each = [
        [
            file(name, which, place, shared_uid=shared_uid, blank=blank_ends and not in_time and place == start)
            for place in range(start * which, start * which + counts[which])
        ]
        for which in range(2)
    ]
    alone = sorted(one for files in each for one in scans_of(user, [files]))
    assert len(alone) == 2
    files = [*each[0], *each[1]]
    mixture = [files[index] for index in data.draw(st.permutations(range(len(files))))]
    ends = sorted(data.draw(st.sets(st.integers(1, len(mixture) - 1))))
    uploads = [mixture[a:b] for a, b in zip([0, *ends], [*ends, len(mixture)], strict=True)]
    if not in_time:
        assert scans_of(user, uploads) == alone
    else:
        assert scans_of(user, [mixture]) == alone


@pytest.mark.parametrize("name", ["AcquisitionTime", "InstanceNumber"])
def test_parts_that_only_time_tells_apart_end_as_each_alone(user: Any, name: str) -> None:
    """Between the uploads it may be unclear which part a slice is of; in the end it is not."""
    each = [[file(name, which, place, shared_uid=False, blank=False) for place in range(4)] for which in range(2)]
    alone = sorted(one for files in each for one in scans_of(user, [files]))
    with fresh_database():
        for data in np.random.default_rng(1).permutation(np.array([*each[0], *each[1]], object)):
            intake.receive(user=user, files=[SimpleUploadedFile("IM", data)])
        found = []
        for scan in Scan.objects.all():
            assert inference_series.arrange(scan) is None
            found.append((scan.name, list(scan.slices.order_by("index").values_list("pixel_sha256", flat=True))))
    assert sorted(found) == alone


def test_a_scan_that_goes_on_as_another_part_is_named_after_it(user: Any) -> None:
    short, long = ([file("EchoTime", which, n, shared_uid=False, blank=False) for n in range(3)] for which in range(2))
    for number, data in enumerate((short[0], long[1], long[2], long[0])):  # the last shows that there are two echoes
        intake.receive(user=user, files=[SimpleUploadedFile(f"IM{number}", data)])
    found = {scan.name: scan for scan in Scan.objects.all()}
    assert {name: scan.frames for name, scan in found.items()} == {
        "Series 5, axial, TE 5": 1,
        "Series 5, axial, TE 15": 3,
    }
    assert [scan.name for scan in Scan.objects.order_by("pk")] == ["Series 5, axial, TE 15", "Series 5, axial, TE 5"]
    assert all(scan.predictions.get().scan_name == name for name, scan in found.items())
