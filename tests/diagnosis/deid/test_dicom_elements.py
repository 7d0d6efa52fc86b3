"""What the stored copy of a DICOM object says: which elements it keeps in which form, and what it adds of its own."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from diagnosis.deid.dicom import METHOD, Cleaned, clean, mapped_uid, pseudonym
from ml.contracts import UnreadableImage
from ml.readers import dicom
from tests import builders

SECRET = b"of this site"
PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


def cleaned(dataset: Dataset, **meta: Any) -> Cleaned:
    """A dataset de-identified, as if it were a file's with this meta information."""
    information = FileMetaDataset()
    information.TransferSyntaxUID = ExplicitVRLittleEndian
    for name, value in meta.items():
        setattr(information, name, value)
    return clean(FileDataset("", dataset, file_meta=information), secret=SECRET)


def stored(dataset: Dataset, **meta: Any) -> Dataset:
    return dcmread(io.BytesIO(cleaned(dataset, **meta).data))


def with_elements(*elements: DataElement) -> Dataset:
    dataset = builders.dicom_dataset(PIXELS)
    for element in elements:
        dataset[element.tag] = element
    return dataset


def element(keyword: str, vr: str, value: Any) -> DataElement:
    return DataElement(keyword, vr, value, validation_mode=0)


def test_uids_and_pseudonyms_are_those_that_were_given_to_earlier_uploads() -> None:
    """Others would tear series and patients apart that are in the database already."""
    dataset = Dataset()
    dataset.PatientID, dataset.IssuerOfPatientID = "4711", "General Hospital"
    assert mapped_uid("1.2.840.1", secret=SECRET) == "2.25.54932755034874528955093793621737307176"
    assert pseudonym(dataset, secret=SECRET) == "G23GYC4T"
    del dataset.IssuerOfPatientID
    assert pseudonym(dataset, secret=SECRET) == "K7HN2YPG"
    assert cleaned(builders.dicom_dataset(PIXELS, PatientID="4711")).patient == "K7HN2YPG"


@pytest.mark.parametrize("nobody", ["x", "XX", "0", "00", "0-0", "111", "AAA", "n_a", "  "])
def test_an_id_that_names_nobody(nobody: str) -> None:
    dataset = Dataset()
    dataset.PatientID = nobody
    assert pseudonym(dataset, secret=SECRET) == ""


def test_the_copy_says_who_made_it_and_how() -> None:
    found = cleaned(builders.dicom_dataset(PIXELS))
    copy = dcmread(io.BytesIO(found.data))
    assert (copy.PatientIdentityRemoved, list(copy.DeidentificationMethod)) == ("YES", METHOD)
    assert copy.preamble == bytes(128)
    meta = copy.file_meta
    assert (meta.TransferSyntaxUID, meta.ImplementationVersionName) == (ExplicitVRLittleEndian, "BRAINSCAN")
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (copy.SOPClassUID, copy.SOPInstanceUID)
    assert "FileMetaInformationVersion" in meta and "ImplementationClassUID" in meta  # as PS3.10, 7.1, demands
    assert (found.series, found.instance) == (copy.SeriesInstanceUID, copy.SOPInstanceUID)


def test_what_was_kept_and_how_much_was_not() -> None:
    item = Dataset()
    item.PixelSpacing, item.PatientName = [1, 1], "Doe^Jane"
    group = Dataset()
    group.PixelMeasuresSequence = [item]
    dataset = with_elements(element("EchoTime", "DS", "90"), element("FlipAngle", "LO", "steep"))
    dataset.PatientName, dataset.StudyDate = "Doe^Jane", "20260101"
    dataset.PerFrameFunctionalGroupsSequence = [group, group]
    found = cleaned(dataset)
    described = {"BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "Rows", "Columns", "SamplesPerPixel"}
    named = {"SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality"}
    own = {"EchoTime", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence", "PixelSpacing"}
    assert found.kept == tuple(sorted(described | named | own | {"PhotometricInterpretation"}))
    assert found.dropped == 4  # name, date, flip angle, and the pixels, which are written anew


def test_an_object_without_a_series_has_none() -> None:
    dataset = builders.dicom_dataset(PIXELS)
    del dataset.SeriesInstanceUID
    assert cleaned(dataset).series == ""
    dataset.SeriesInstanceUID = ""
    found = cleaned(dataset)
    assert found.series == "" and "SeriesInstanceUID" not in dcmread(io.BytesIO(found.data))


@pytest.mark.parametrize(
    ("syntax", "given", "said"),
    [
        (ExplicitVRLittleEndian, None, None),
        (ExplicitVRLittleEndian, "01", "01"),
        (RLELossless, None, "00"),
        (RLELossless, "01", "01"),
        (JPEGLSLossless, None, "00"),
        (JPEGLSNearLossless, None, "01"),
    ],
)
def test_the_copy_says_whether_pixels_were_ever_changed(syntax: str, given: str | None, said: str | None) -> None:
    dataset = builders.dicom_dataset(PIXELS)
    if given:
        dataset.LossyImageCompression = given
    lossless = RLELossless if syntax == RLELossless else JPEGLSLossless
    data = builders.dicom_file(dataset, syntax=syntax if syntax == ExplicitVRLittleEndian else lossless)
    opened = dicom.open_file(data, max_pixels=10**6).dataset
    opened.file_meta["TransferSyntaxUID"].value = syntax  # the decoder of JPEG-LS reads both
    found = dcmread(io.BytesIO(clean(opened, secret=SECRET).data))
    assert found.get("LossyImageCompression") == said


def test_a_jpeg_is_lossy() -> None:
    dataset = builders.dicom_dataset(builders.phantom(64))
    dataset.PixelData = encapsulate([builders.jpeg_bytes(builders.phantom(64))])
    dataset["PixelData"].is_undefined_length = True
    assert stored(dataset, TransferSyntaxUID=JPEGBaseline8Bit).LossyImageCompression == "01"


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "kept"),
    [
        ("RepetitionTime", "DS", "99999", [99_999]),
        ("RepetitionTime", "DS", "-99999", [-99_999]),
        ("RepetitionTime", "DS", "100000", []),
        ("RepetitionTime", "DS", "-100000", []),
        ("RepetitionTime", "FD", 2 / 3, [0.66666666666667]),
        ("RepetitionTime", "DS", ["5", "6"], [5]),
        ("PixelSpacing", "DS", ["1", "2", "3"], []),
        ("PixelSpacing", "DS", "1", []),
        ("PixelSpacing", "DS", ["1", "100000"], []),
        ("EffectiveEchoTime", "FD", 1 / 3, [1 / 3]),
        ("EchoTime", "FD", float("nan"), []),
        ("EchoTime", "DS", "", []),
        ("EchoTime", "LO", "ninety", []),
        ("EchoTrainLength", "DS", "7", [7]),
        ("EchoTrainLength", "DS", "7.5", []),
        ("SeriesNumber", "IS", "0", [0]),
        ("SmallestImagePixelValue", "DS", "0", [0]),
        ("SmallestImagePixelValue", "DS", "65535", [65_535]),
        ("SmallestImagePixelValue", "DS", "65536", []),
        ("SmallestImagePixelValue", "DS", "-1", [-1]),
        ("SmallestImagePixelValue", "DS", "-32768", [-32_768]),
        ("SmallestImagePixelValue", "DS", "-32769", []),
        ("SmallestImagePixelValue", "DS", "1.5", []),
        ("DimensionIndexValues", "UL", [1, 2], [1, 2]),
        ("WindowCenter", "DS", ["1", "", "2"], [1, 2]),
    ],
)
def test_numbers_are_kept_as_the_standard_writes_them(keyword: str, vr: str, value: Any, kept: list[float]) -> None:
    found = stored(with_elements(element(keyword, vr, value)))
    if kept:
        values = found[keyword].value
        assert list(values if found[keyword].VM > 1 else [values]) == kept
        assert found[keyword].VR in dictionary_VR(keyword)
    else:
        assert keyword not in found


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_a_number_stays_in_a_vr_that_the_standard_allows(vr: str) -> None:
    found = stored(with_elements(element("SmallestImagePixelValue", vr, 5)))
    assert (found["SmallestImagePixelValue"].VR, found.SmallestImagePixelValue) == (vr, 5)


def test_elements_after_one_that_is_dropped_are_kept() -> None:
    """One with an unreadable value, one of the wrong kind, and one that should be a sequence."""
    dataset = with_elements(
        element("Modality", "CS", "MR"),
        element("ScanningSequence", "CS", "DOE"),
        element("EchoTime", "LO", "ninety"),
        element("MREchoSequence", "LO", "Doe"),
        element("PixelSpacing", "DS", ["1", "1"]),
    )
    found = stored(dataset)
    assert [name in found for name in ("ScanningSequence", "EchoTime", "MREchoSequence")] == [False] * 3
    assert list(found.PixelSpacing) == [1, 1]


def test_a_value_that_cannot_be_read_ends_nothing() -> None:
    data = builders.dicom_bytes(PIXELS, EchoTime="90", PixelSpacing=[1, 1])
    broken = data.replace(b"\x18\x00\x81\x00DS\x02\x00", b"\x18\x00\x81\x00FD\x02\x00")  # FD takes 8 bytes
    assert broken != data
    found = dcmread(io.BytesIO(clean(dicom.open_file(broken, max_pixels=10**6).dataset, secret=SECRET).data))
    assert "EchoTime" not in found and list(found.PixelSpacing) == [1, 1]


@pytest.mark.parametrize("value", [["SK", "DOE"], None])
def test_a_term_is_kept_in_upper_case_where_all_of_its_values_are_known(value: Any) -> None:
    dataset = with_elements(
        element("ScanningSequence", "CS", ["se", "ir"]),
        element("SequenceVariant", "CS", value),
        element("ScanOptions", "CS", ["FS", ""]),
        element("ImageType", "CS", ["DOE", "JANE"]),
    )
    found = stored(dataset)
    assert list(found.ScanningSequence) == ["SE", "IR"]
    assert [name in found for name in ("SequenceVariant", "ScanOptions", "ImageType")] == [False] * 3


def test_a_class_that_the_standard_does_not_know_is_not_kept() -> None:
    dataset = builders.dicom_dataset(PIXELS)
    dataset.SOPClassUID = "1.2.3.19610312"
    assert stored(dataset).SOPClassUID.name == "Secondary Capture Image Storage"
    del dataset.SOPClassUID
    assert stored(dataset).SOPClassUID.name == "Secondary Capture Image Storage"
    from_meta = stored(dataset, MediaStorageSOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    assert from_meta.SOPClassUID.name == "MR Image Storage"


def test_an_object_without_a_uid_gets_one_by_its_image_and_its_place() -> None:
    def instance(pixels: Any = PIXELS, **values: Any) -> str:
        dataset = builders.dicom_dataset(pixels)
        del dataset.SOPInstanceUID, dataset.SeriesInstanceUID
        for name, value in values.items():
            setattr(dataset, name, value)
        return cleaned(dataset).instance

    assert instance() == instance()
    place = {"SeriesInstanceUID": "1.2", "InstanceNumber": 2, "ImagePositionPatient": [0, 0, 1]}
    uids = [instance(), instance(PIXELS + 1), *(instance(**{name: value}) for name, value in place.items())]
    assert len(set(uids)) == 5
    assert instance() == "2.25.312333966467152894399935033628649873791"  # the same again after an upgrade


def test_what_describes_the_pixels_fits_them() -> None:
    rgb = np.zeros((4, 5, 3), np.uint8)
    dataset = builders.dicom_dataset(rgb)
    dataset.BitsStored, dataset.HighBit = 6, 5
    found = stored(dataset)
    names = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
    assert [found[name].value for name in names] == [4, 5, 3, 8, 8, 7, 0]
    assert (found.PhotometricInterpretation, found.PlanarConfiguration) == ("RGB", 0)
    assert "NumberOfFrames" not in found

    gray = builders.dicom_dataset(np.arange(40, dtype=np.int16).reshape(2, 4, 5))
    gray.BitsStored, gray.HighBit, gray.PhotometricInterpretation = 12, 3, "HSV"
    found = stored(gray)
    assert [found[name].value for name in names] == [4, 5, 1, 16, 12, 11, 1]
    assert (found.PhotometricInterpretation, found.NumberOfFrames) == ("MONOCHROME2", 2)
    assert "PlanarConfiguration" not in found and found.pixel_array.ravel().tolist() == list(range(40))


@pytest.mark.parametrize(
    ("kind", "name", "vr"),
    [("f4", "FloatPixelData", "OF"), ("f8", "DoubleFloatPixelData", "OD"), ("u1", "PixelData", "OB")],
)
def test_pixels_are_written_in_the_element_of_their_type(kind: str, name: str, vr: str) -> None:
    values = np.arange(15).reshape(3, 5).astype(kind)
    dataset = builders.dicom_dataset(np.zeros((3, 5), np.uint8))
    del dataset.PixelData
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    setattr(dataset, name, values.tobytes() + b"\0" * (values.nbytes % 2))
    data = cleaned(dataset).data
    found = dcmread(io.BytesIO(data))
    assert struct.pack("<HH2sH", 0x7FE0, found[name].tag.element, vr.encode(), 0) in data
    assert (found[name].VR, found[name].value) == (vr, values.tobytes() + b"\0" * (values.nbytes % 2))
    described = [name for name in ("BitsStored", "HighBit", "PixelRepresentation") if name in found]
    assert described == ([] if kind[0] == "f" else ["BitsStored", "HighBit", "PixelRepresentation"])


def test_an_image_with_a_palette_is_stored_in_color() -> None:
    dataset = builders.dicom_dataset(np.array([[0, 1], [2, 3]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for number, color in enumerate(("Red", "Green", "Blue")):
        dataset.add(DataElement(f"{color}PaletteColorLookupTableDescriptor", "US", [4, 0, 16]))
        entries = struct.pack("<4H", *((50 * value + number) << 8 for value in range(4)))
        dataset.add(DataElement(f"{color}PaletteColorLookupTableData", "OW", entries))
    found = stored(dataset)
    assert (found.PhotometricInterpretation, found.SamplesPerPixel) == ("RGB", 3)
    colors = [[[50 * value + number for number in range(3)] for value in row] for row in ([0, 1], [2, 3])]
    assert found.pixel_array.tolist() == colors


def test_a_uid_within_a_sequence_is_replaced_by_the_same() -> None:
    dataset, item = builders.dicom_dataset(PIXELS), Dataset()
    item.FrameOfReferenceUID = dataset.FrameOfReferenceUID = "1.2.3"
    dataset.FrameContentSequence = [item]
    found = stored(dataset)
    assert found.FrameContentSequence[0].FrameOfReferenceUID == found.FrameOfReferenceUID != "1.2.3"


def test_pixels_in_the_other_byte_order_are_stored_in_this_one() -> None:
    data = builders.dicom_bytes(PIXELS, syntax=ExplicitVRBigEndian)
    found = dcmread(io.BytesIO(clean(dicom.open_file(data, max_pixels=10**6).dataset, secret=SECRET).data))
    np.testing.assert_array_equal(found.pixel_array, PIXELS)


def test_frames_that_no_element_can_hold_are_refused() -> None:
    data = builders.dicom_bytes(np.zeros((1, 1), np.uint16), syntax=RLELossless)
    opened = dicom.open_file(data, max_pixels=10**6).dataset
    opened.NumberOfFrames = 0xFFFFFFFE // 2
    with pytest.raises(UnreadableImage) as caught:
        clean(opened, secret=SECRET)
    assert caught.value.code == "too_large"
    assert str(caught.value) == "The DICOM file's frames take more than a DICOM element can hold (4 GB)."


@pytest.mark.parametrize(
    ("entries", "data", "kept"),
    [
        (4, struct.pack("<6H", *range(6)), struct.pack("<4H", *range(4))),
        (4, bytes(range(6)), bytes(range(4))),
        (3, bytes(range(6)), struct.pack("<3H", *struct.unpack("<3H", bytes(range(6))))),
        (5, bytes(range(8)), bytes(range(6))),
        (0, bytes(2 * 65_536 + 2), bytes(2 * 65_536)),
        (40_000 - 65_536, bytes(2 * 40_001), bytes(2 * 40_000)),
    ],
    ids=["words", "bytes", "odd in words", "odd in bytes", "the longest", "signed"],
)
def test_a_table_ends_where_its_descriptor_says(entries: int, data: bytes, kept: bytes) -> None:
    table = Dataset()
    table.LUTDescriptor = [entries, 0, 16]
    table.add_new("LUTData", "OW", data)
    dataset = builders.dicom_dataset(PIXELS)
    dataset.VOILUTSequence = [table]
    assert stored(dataset).VOILUTSequence[0].LUTData == kept


def test_a_table_of_numbers_ends_where_its_descriptor_says() -> None:
    table = Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table.add_new("LUTData", "US", [1, 2, 3])
    bare = Dataset()
    bare.add_new("LUTData", "US", [1, 2, 3])
    dataset = builders.dicom_dataset(PIXELS)
    dataset.VOILUTSequence = [table, bare]
    whole, without = stored(dataset).VOILUTSequence
    assert list(whole.LUTData) == [1, 2]
    assert "LUTData" not in without
