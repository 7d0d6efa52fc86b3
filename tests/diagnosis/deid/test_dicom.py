"""De-identification of DICOM: whatever is planted where, it is gone; what the image needs stays."""

import io
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, RLELossless

from diagnosis.deid import tags
from diagnosis.deid.dicom import Cleaned, clean, mapped_uid, pseudonym
from ml.readers import dicom
from tests import builders
from tests.verification.security import tried

SECRET = b"of this site"
TEXT = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT", "UI")
PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
NEEDED = {"SOPClassUID", "PhotometricInterpretation", "TransferSyntaxUID", "Modality", "ImageType", "BodyPartExamined"}
"""Without these the file would not be read at all."""


def cleaned(data: bytes, *, secret: bytes = SECRET) -> Cleaned:
    return clean(dicom.open_file(data, max_pixels=10**7).dataset, secret=secret)


def read(found: Cleaned) -> Dataset:
    return dcmread(io.BytesIO(found.data))


def planted(secret_word: str) -> Dataset:
    """A dataset whose every text element of the dictionary, a private block, a nested sequence, an overlay, a comment
    and an icon hold the word."""
    dataset = builders.dicom_dataset(PIXELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
            if vr in TEXT and keyword and keyword not in NEEDED and tag >> 16 not in (0x0000, 0x0002):
                dataset.add(DataElement(tag, vr, secret_word))
        del dataset.SpecificCharacterSet
        block = dataset.private_block(0x0029, f"{secret_word} HEADER", create=True)
        block.add_new(0x01, "LO", secret_word)
        block.add_new(0x10, "OB", secret_word.encode() + b"\0")
        item, inner = Dataset(), Dataset()
        item.PatientName = item.CodeMeaning = secret_word
        inner.add(DataElement(0x00100020, "LO", secret_word, already_converted=True))
        item.ReferencedImageSequence = [inner]
        dataset.RequestAttributesSequence = dataset.SharedFunctionalGroupsSequence = [item]
        dataset.add_new(0x60003000, "OB", secret_word.encode() * 2)
        dataset.add_new(0xFFFCFFFC, "OB", secret_word.encode() * 2)
        icon = builders.dicom_dataset(PIXELS)
        icon.PatientName = secret_word
        dataset.IconImageSequence = [icon]
    return dataset


@pytest.mark.slow
@pytest.mark.attack("identifiers")
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=7, max_size=12))
def test_a_word_planted_everywhere_appears_nowhere(word: str) -> None:
    tried()
    word = f"Q{word}Z"
    data = builders.dicom_file(planted(word))
    assert data.count(word.encode()) > 1000
    found = cleaned(data)
    assert word.encode() not in found.data
    assert word not in repr((found.series, found.instance, found.patient, found.kept))
    np.testing.assert_array_equal(read(found).pixel_array, PIXELS)


@pytest.mark.attack("identifiers")
@pytest.mark.parametrize("name", ["Müller^Jürgen", "山田^太郎=やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう"])
def test_a_name_in_any_script_is_gone(name: str) -> None:
    data = builders.dicom_bytes(PIXELS, SpecificCharacterSet="ISO_IR 192", PatientName=name, PatientID=name)
    found = cleaned(data)
    for part in name.replace("=", "^").split("^"):
        assert part.encode() in data
        assert part.encode() not in found.data
    assert "SpecificCharacterSet" not in read(found)


def test_only_what_is_listed_is_kept() -> None:
    dataset = read(cleaned(builders.dicom_file(planted("QSOMEBODYZ"))))
    own = {"PatientIdentityRemoved", "DeidentificationMethod", "PixelData"}
    listed = tags.NUMBERS | tags.TERMS.keys() | tags.UIDS | tags.CLASSES | tags.SEQUENCES
    assert {element.keyword for element in dataset.iterall()} <= listed | own


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_are_stored_plain(syntax: str) -> None:
    found = read(cleaned(builders.dicom_bytes(PIXELS, syntax=syntax)))
    assert not found.file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(found.pixel_array, PIXELS)


def test_the_image_looks_as_before() -> None:
    values: dict[str, Any] = {
        "WindowCenter": [2000, 100],
        "WindowWidth": [900, 50],
        "RescaleSlope": 1.5,
        "RescaleIntercept": -20,
        "PixelSpacing": [1.0, 0.5],
        "ImagePositionPatient": [1.25, -2.5, 30],
        "ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6],
        "PhotometricInterpretation": "MONOCHROME1",
    }
    data = builders.dicom_bytes(PIXELS, **values)
    before = dicom.open_file(data, max_pixels=10**7)
    after = dicom.open_file(cleaned(data).data, max_pixels=10**7)
    assert before.positions == after.positions
    one, other = before.image(0), after.image(0)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.notes == other.notes


@pytest.mark.parametrize(
    ("absent", "values"),
    [
        ("HighBit", {}),
        ("", {"HighBit": 3}),
        ("", {"PhotometricInterpretation": "monochrome1"}),
        ("", {"NumberOfFrames": "0"}),
        ("", {"PixelData": PIXELS.tobytes() * 3}),
        ("", {"WindowCenter": 0, "WindowWidth": 1}),
        ("", {"WindowCenter": 2000, "WindowWidth": 4000, "VOILUTFunction": "LINEAR_EXACT"}),
        ("", {"PixelRepresentation": 1, "PixelPaddingValue": DataElement("PixelPaddingValue", "US", 65_535)}),
        ("", {"PixelPaddingValue": DataElement("PixelPaddingValue", "SS", -1)}),
        ("", {"BodyPartExamined": "SHEAD"}),
        ("", {name: DataElement(name, "US", 2000) for name in ("WindowCenter", "WindowWidth")}),
        ("", {name: DataElement(name, "FL", 2000.0) for name in ("WindowCenter", "WindowWidth")}),
        ("", {name: DataElement(name, "DS", ["2000", ""]) for name in ("WindowCenter", "WindowWidth")}),
        ("", {"WindowCenter": 2000, "WindowWidth": 4000, "VOILUTFunction": "linear_exact"}),
        ("", {"RescaleSlope": DataElement("RescaleSlope", "DS", ["2", "3"]), "RescaleIntercept": 5}),
        ("", {"RescaleSlope": DataElement("RescaleSlope", "FD", 0.5), "RescaleIntercept": 5}),
        ("", {"PixelSpacing": DataElement("PixelSpacing", "FD", [1.0, 0.5])}),
        ("", {"PixelSpacing": DataElement("PixelSpacing", "LO", ["1.0", "0.5"])}),
        ("", {"PixelAspectRatio": DataElement("PixelAspectRatio", "DS", [2, 1])}),
        ("", {"PixelPaddingValue": DataElement("PixelPaddingValue", "DS", 65_535)}),
        (
            "",
            {
                "ImagePositionPatient": DataElement("ImagePositionPatient", "FD", [1.5, 2.0, 3.0]),
                "ImageOrientationPatient": DataElement("ImageOrientationPatient", "FL", [1.0, 0, 0, 0, 1.0, 0]),
            },
        ),
    ],
)
def test_an_odd_description_gives_the_same_frames_afterwards(absent: str, values: dict[str, Any]) -> None:
    dataset = builders.dicom_dataset(np.where(PIXELS < 300, 65_535, PIXELS).astype(np.uint16))
    if absent:
        del dataset[absent]
    for name, value in values.items():
        dataset[name] = value if isinstance(value, DataElement) else DataElement(name, dictionary_VR(name), value)
    opened = dicom.open_file(builders.dicom_file(dataset), max_pixels=10**7)
    again = dicom.open_file(clean(opened.dataset, secret=SECRET).data, max_pixels=10**7)
    assert (again.frames, again.positions) == (opened.frames, opened.positions)
    for index in range(opened.frames):
        np.testing.assert_array_equal(again.image(index).pixels, opened.image(index).pixels)


def test_a_series_stays_together_and_a_second_upload_is_recognized() -> None:
    first, second = (builders.dicom_dataset(PIXELS + number) for number in range(2))
    second.SeriesInstanceUID = first.SeriesInstanceUID
    one, again, other = (cleaned(builders.dicom_file(dataset)) for dataset in (first, first, second))
    assert one.data == again.data
    assert one.series == other.series != first.SeriesInstanceUID
    assert one.instance != other.instance
    elsewhere = cleaned(builders.dicom_file(first), secret=b"another site")
    assert elsewhere.series != one.series


def test_a_mapped_uid_is_a_uid() -> None:
    uid = mapped_uid("1.2.840.1", secret=SECRET)
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    assert uid == mapped_uid("1.2.840.1 ", secret=SECRET)


def test_a_pseudonym_follows_the_patient() -> None:
    def of(secret: bytes = SECRET, **values: str) -> str:
        return pseudonym(builders.dicom_dataset(PIXELS, **values), secret=secret)

    jane = of(PatientID="4711", PatientName="Doe^Jane")
    assert len(jane) == 8
    assert jane == of(PatientID=" 4711 ", PatientName="Doe^J.")
    assert (
        len({jane, of(PatientID="4712"), of(PatientID="4711", IssuerOfPatientID="B"), of(b"other", PatientID="4711")})
        == 4
    )
    assert of(PatientName="Doe^Jane") == of() == ""
    for nobody in ("ANONYMOUS", "Anonymous Patient", "de-identified", "N/A", "unknown", "0", "0000", "XXX", "-", "???"):
        assert of(PatientID=nobody) == ""
    assert all(of(PatientID=somebody) for somebody in ("1", "11", "1001", "ANON-17", "X1", "TEST 3", "A"))


def test_values_of_the_wrong_kind_are_dropped() -> None:
    dataset = builders.dicom_dataset(PIXELS)
    dataset.add(DataElement(0x00180050, "LO", "Doe Jane", already_converted=True))  # Slice Thickness
    dataset.add(DataElement(0x00281050, "DS", "", already_converted=True))
    dataset.Modality = "MR"
    dataset.PatientPosition = "DOE JANE"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "DOE JANE", "M"]
    found = read(cleaned(builders.dicom_file(dataset)))
    assert "SliceThickness" not in found
    assert "WindowCenter" not in found
    assert "PatientPosition" not in found
    assert list(found.ImageType) == ["ORIGINAL", "PRIMARY", "M"]


def test_all_frames_are_held_once() -> None:
    """Peak memory beyond the opened file: the result, and one frame."""
    opened = dicom.open_file(builders.dicom_bytes(np.zeros((100, 256, 256), np.uint16)), max_pixels=10**6)
    clean(opened.dataset, secret=SECRET)
    tracemalloc.start()
    try:
        result = clean(opened.dataset, secret=SECRET)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * len(result.data)
