"""What may tell slices apart, read from standard and private elements, whatever is wrong with them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ImplicitVRLittleEndian

from ml.contracts import UnreadableImage
from ml.readers import dicom
from ml.readers.dicom import slice_facts
from ml.readers.dicom.slice_facts import SliceFacts
from tests import builders

PLANE = np.zeros((8, 8), np.uint16)
PLACE: dict[str, Any] = {"ImagePositionPatient": [0, 0, 5], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}


def read(data: bytes) -> tuple[SliceFacts, ...]:
    opened = dicom.open_file(data, max_pixels=10**6)
    return slice_facts.read(opened.dataset, opened.frames)


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value", "b"),
    [
        (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", 1000, "1000"),
        (0x0065, "Image Private Header", 0x09, "FD", 1000.0, "1000"),
        (0x0043, "GEMS_PARM_01", 0x39, "IS", [1000, 8, 0, 0], "1000"),
        (0x0043, "GEMS_PARM_01", 0x39, "IS", [1_000_000_700, 8, 0, 0], "700"),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0, "800"),
    ],
)
def test_b_values_of_the_vendors(
    syntax: str, group: int, creator: str, element: int, vr: str, value: Any, b: str
) -> None:
    dataset = builders.dicom_dataset(PLANE, **PLACE)
    dataset.private_block(group, creator, create=True).add_new(element, vr, value)
    [facts] = read(builders.dicom_file(dataset, **({"syntax": syntax} if syntax else {})))
    assert facts.labels["DiffusionBValue"] == b


def test_values_of_a_frame_go_before_those_of_the_file() -> None:
    groups = [PLACE | {"EffectiveEchoTime": echo, "StackID": "1", "InStackPositionNumber": 3} for echo in (20.0, 90.0)]
    one, two = read(builders.enhanced_bytes(np.stack([PLANE, PLANE]), groups, EchoTime=7, FlipAngle=30))
    assert (one.labels["EchoTime"], two.labels["EchoTime"], one.labels["FlipAngle"]) == ("20", "90", "30")
    assert (one.labels["StackID"], one.in_stack, one.instance) == ("1", 3, "")


@pytest.mark.parametrize(
    ("tags", "seconds"),
    [
        ({"AcquisitionTime": "100510.25"}, 36_310.25),
        ({"AcquisitionTime": "1005"}, 36_300.0),
        ({"AcquisitionDate": "00010101", "AcquisitionTime": "000001"}, 86_401.0),
        ({"AcquisitionDateTime": "00010102000000.5+0100"}, 2 * 86_400.5 - 0.5),
        ({"AcquisitionDate": "20201399", "AcquisitionTime": "000001"}, 1.0),
        ({"AcquisitionTime": "noon"}, None),
    ],
    ids=str,
)
def test_times_in_seconds(tags: dict[str, str], seconds: float | None) -> None:
    [facts] = read(builders.dicom_bytes(PLANE, **PLACE, **tags))
    assert facts.sequence.get("AcquisitionTime") == seconds


GROUPS = [PLACE | {"EffectiveEchoTime": 20.0, "DimensionIndexValues": [1, n], "StackID": "1"} for n in (1, 2)]
SEEDS = (
    builders.enhanced_bytes(np.stack([PLANE, PLANE]), GROUPS, EchoTime=7, InstanceNumber=3),
    builders.dicom_bytes(PLANE, **PLACE, AcquisitionTime="100510.25", InstanceNumber=3, ImageType=["ORIGINAL", "P"]),
)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(132, 5_000), st.integers(0, 255)), max_size=8),
    st.integers(0, 40),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_give_facts_or_a_reason(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    try:
        opened = dicom.open_file(builders.damaged(seed, changes, cut), max_pixels=10**6)
    except UnreadableImage:
        return
    for facts in slice_facts.read(opened.dataset, opened.frames):
        assert all(text for text in facts.labels.values())
        assert np.isfinite(list(facts.sequence.values())).all()
