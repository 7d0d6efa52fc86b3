"""De-identification of DICOM, for random values in every element there is, and for every kind of image."""

import io
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, RepeatersDictionary, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from diagnosis.deid import tags
from diagnosis.deid.dicom import clean
from ml.contracts import UnreadableImage
from ml.readers import dicom
from tests import builders
from tests.verification.security import tried

SECRET = b"of this site"
PIXELS = np.zeros((16, 16), np.uint16)
TEXT = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
DESCRIBING = tags.UNBOUNDED | {
    *("SOPClassUID", "Modality", "ImageType", "BodyPartExamined", "SamplesPerPixel", "PhotometricInterpretation"),
    *(
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "NumberOfFrames",
        "PixelData",
    ),
    *("PlanarConfiguration", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable"),
    *("ExtendedOffsetTableLengths", "SpecificCharacterSet"),
}
"""Without these as they must be, the file would not be read at all."""


class Secrets:
    """What must be gone, and the bytes in which it would be found."""

    def __init__(self, word: str, script: str, date: str, time: str, number: int) -> None:
        self.word, self.script, self.date, self.time, self.number = word, script, date, time, number

    def value(self, vr: str) -> Any:
        """Something of this kind that tells who it is; None: nothing of this kind can."""
        numbers: dict[str, float] = {"UL": self.number, "SL": self.number, "AT": self.number}
        numbers |= {"UV": self.number << 24, "SV": self.number << 24}
        numbers |= {"FL": float(self.number), "FD": self.number + 0.25}
        words = {"DA": self.date, "TM": self.time, "DT": self.date + self.time, "AS": "061Y", "IS": str(self.number)}
        words |= {"DS": str(self.number), "UI": f"1.2.{self.number}.{self.date}"}
        shorts = {"US": list(struct.unpack("<4H", self.raw()[:8])), "SS": list(struct.unpack("<4h", self.raw()[:8]))}
        if vr in TEXT:
            return self.word if vr in ("AE", "CS", "UR") else f"{self.word} {self.script}"
        if vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN"):
            return self.raw() * 2
        return (numbers | words | shorts).get(vr)

    def raw(self) -> bytes:
        return self.word.encode()[:8].ljust(8, b"X")

    def traces(self) -> list[bytes]:
        texts = [self.word, self.script, self.date, self.time, str(self.number)]
        found = [text.encode(code) for text in texts for code in ("utf-8", "utf-16-le", "utf-16-be")]
        found += [struct.pack(kind, self.number) for kind in ("<I", ">I")] + [self.raw()]
        return [*found, struct.pack("<f", self.number), struct.pack("<d", self.number + 0.25)]


secrets = st.builds(
    Secrets,
    word=st.text("BCDFGHJKLMNPQRSTVWXYZ", min_size=8, max_size=12),
    script=st.text("山田太郎鈴木花子김희중ЙЖЩ", min_size=3, max_size=6),
    date=st.dates().filter(lambda day: day.year > 1800).map(lambda day: day.strftime("%Y%m%d")),
    time=st.times().map(lambda hour: hour.strftime("%H%M%S.%f")),
    number=st.integers(20_000_001, 99_999_999).map(lambda number: number | 0x01010101),
)


def planted(found: Secrets, *, syntax: str) -> bytes:
    """A file with them in every element of the dictionary, in repeating groups, private blocks, sequences, the icon,
    the file meta information, the preamble and the padding."""
    dataset = builders.dicom_dataset(PIXELS)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    person = Dataset()
    person.add(DataElement("PatientName", "PN", found.value("PN"), validation_mode=0))
    person.add(DataElement("PatientBirthDate", "DA", found.date, validation_mode=0))
    _add_private(person, found)
    known = {Tag(tag): vr for tag, (vr, *_) in DicomDictionary.items()}
    known |= {Tag(name.replace("x", "0")): vr for name, (vr, *_) in RepeatersDictionary.items()}
    for tag, vrs in known.items():
        keyword = keyword_for_tag(tag)
        if tag.group < 8 or tag.group >= 0xFFF0 or keyword in DESCRIBING:
            continue
        vr = vrs.split(" or ")[0]
        if vr == "SQ":
            dataset.add(DataElement(tag, "SQ", [person]))
        elif (value := found.value(vr)) is not None:
            dataset.add(DataElement(tag, vr, value, validation_mode=0))
    dataset.add_new(0xFFFCFFFC, "OB", found.raw())
    _add_private(dataset, found)
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [4, 0, 16], found.word
    table.add_new("LUTData", "OW", struct.pack("<4H", 1, 2, 3, 4) + found.raw())
    dataset.VOILUTSequence = [table]
    icon = builders.dicom_dataset(PIXELS)
    icon.PatientName = found.word
    dataset.IconImageSequence = [icon]
    dataset.PixelData += found.raw()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = UID(syntax), dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.{found.number}")
    meta.ImplementationVersionName = meta.SourceApplicationEntityTitle = meta.SendingApplicationEntityTitle = found.word
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = UID(f"1.2.{found.date}"), found.raw()
    file = FileDataset("", dataset, file_meta=meta, preamble=found.raw() * 16)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _add_private(dataset: Dataset, found: Secrets) -> None:
    for group in (0x0009, 0x0029, 0x7FE1):
        block = dataset.private_block(group, found.word, create=True)
        block.add_new(0x01, "LO", found.word)
        block.add_new(0x02, "OB", found.raw())
        block.add_new(0x03, "UN", found.raw())


@pytest.mark.attack("identifiers")
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(found=secrets, syntax=st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]))
@pytest.mark.slow
def test_what_is_planted_in_every_element_appears_nowhere(found: Secrets, syntax: str) -> None:
    tried()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of values that do not fit; files in the wild have them
        data = planted(found, syntax=syntax)
        assert all(data.count(trace) for trace in (found.word.encode(), found.script.encode(), found.date.encode()))
        assert data.count(found.raw()) > 100
        cleaned = clean(dicom.open_file(data, max_pixels=10**6).dataset, secret=SECRET)
    assert [trace for trace in found.traces() if trace in cleaned.data] == []
    assert not any(text in repr(cleaned.kept) for text in (found.word, found.script, found.date))
    assert dicom.open_file(cleaned.data, max_pixels=10**6).frames == 1


@pytest.mark.attack("identifiers")
@pytest.mark.parametrize("keyword", sorted(tags.NUMBERS - tags.UNBOUNDED - DESCRIBING))
@pytest.mark.parametrize("value", [19610312, 610312, 4915112345678])
def test_a_date_or_a_telephone_number_in_a_field_for_numbers_is_dropped(keyword: str, value: int) -> None:
    uids = dict.fromkeys(("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"), "1.2.3")  # random ones have dates
    dataset = builders.dicom_dataset(PIXELS, **uids)
    element = DataElement(keyword, "DS", "1")
    many = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelAspectRatio": 2}
    count = many.get(keyword, 2 if keyword.endswith("PixelSpacing") else 1)
    for vr, text in (("DS", str(value)), ("FD", float(value)), ("LO", str(value))):
        element = DataElement(keyword, vr, [text] * count if count > 1 else text, validation_mode=0)
        dataset[keyword] = element
        stored = clean(FileDataset("", dataset, file_meta=_meta()), secret=SECRET).data
        assert str(value).encode() not in stored
        assert struct.pack("<d", value) not in stored


def _meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def numbers(low: float, high: float) -> st.SearchStrategy[str]:
    """As a file writes them: up to 16 characters."""
    return st.floats(low, high).map(lambda value: f"{value:.9g}")


images = st.fixed_dictionaries(
    {
        "photometric": st.sampled_from(["MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "PALETTE COLOR"]),
        "allocated": st.sampled_from([8, 16]),
        "unused": st.integers(0, 6),
        "signed": st.booleans(),
        "frames": st.integers(1, 4),
        "enhanced": st.booleans(),
        "syntax": st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEGLSLossless]),
        "seed": st.integers(0, 999),
    }
)
shown = st.fixed_dictionaries(
    {},
    optional={
        "RescaleSlope": numbers(-5, 5),
        "RescaleIntercept": numbers(-2000, 2000),
        "WindowCenter": st.lists(numbers(-500, 4000), min_size=2, max_size=2),
        "WindowWidth": st.lists(numbers(0.5, 4000), min_size=2, max_size=2),
        "VOILUTFunction": st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", "ANOTHER"]),
        "PixelPaddingValue": st.integers(0, 300),
        "PixelSpacing": st.lists(numbers(0.3, 3), min_size=2, max_size=2),
        "PixelAspectRatio": st.sampled_from([[1, 1], [2, 1], [3, 4], [9, 1]]),
    },
)


def drawn(how: dict[str, Any], values: dict[str, Any]) -> bytes:
    rng = np.random.default_rng(how["seed"])
    photometric, frames = how["photometric"], how["frames"]
    color = photometric in ("RGB", "YBR_FULL")
    bits = 8 if color or photometric == "PALETTE COLOR" else how["allocated"] - how["unused"] % how["allocated"]
    signed = how["signed"] and not color and photometric != "PALETTE COLOR"
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    low = -(2 ** (bits - 1)) if signed else 0
    shape = (frames, 12, 18, 3) if color else (frames, 12, 18)
    stored = rng.integers(low, low + 2**bits, shape).astype(kind)
    dataset = Dataset()
    dataset.SOPClassUID = EnhancedMRImageStorage if frames > 1 else "1.2.840.10008.5.1.4.1.1.4"
    dataset.SOPInstanceUID, dataset.Modality = "1.2.3", "MR"
    dataset.set_pixel_data(stored[0] if frames == 1 else stored, "RGB" if color else "MONOCHROME2", bits)
    dataset.PhotometricInterpretation = photometric
    if photometric == "PALETTE COLOR":
        for name in ("Red", "Green", "Blue"):
            dataset[f"{name}PaletteColorLookupTableDescriptor"] = DataElement(
                f"{name}PaletteColorLookupTableDescriptor", "US", [256, 0, 16]
            )
            table = rng.integers(0, 65_536, 256).astype("<u2").tobytes()
            dataset.add(DataElement(f"{name}PaletteColorLookupTableData", "OW", table))
    values = {"SmallestImagePixelValue": 1, **values}
    if how["enhanced"] and frames > 1:
        dataset.PerFrameFunctionalGroupsSequence = [_group(values, number) for number in range(frames)]
        values = {}
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return builders.dicom_file(dataset, syntax=how["syntax"])


def _group(values: dict[str, Any], number: int) -> Dataset:
    group, voi, transformation, measures = Dataset(), Dataset(), Dataset(), Dataset()
    places = {"W": voi, "V": voi, "R": transformation}
    for keyword, value in values.items():
        setattr(places.get(keyword[0], measures), keyword, value)
    if "RescaleIntercept" in transformation:
        transformation.RescaleIntercept = number
    group.FrameVOILUTSequence, group.PixelValueTransformationSequence = [voi], [transformation]
    group.PixelMeasuresSequence = [measures]
    return group


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(how=images, values=shown)
@pytest.mark.slow
def test_images_are_the_same_before_and_after(how: dict[str, Any], values: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = dicom.open_file(drawn(how, values), max_pixels=10**6)
        after = dicom.open_file(clean(before.dataset, secret=SECRET).data, max_pixels=10**6)
        assert (after.frames, after.positions) == (before.frames, before.positions)
        for index in range(before.frames):
            one, other = before.image(index), after.image(index)
            assert one.pixel_sha256() == other.pixel_sha256()
            assert (one.width, one.height, one.color_fraction) == (other.width, other.height, other.color_fraction)
            if how["photometric"] != "PALETTE COLOR":
                assert one.notes == other.notes


@pytest.mark.parametrize("kind", ["f4", "f8", "u4"])
def test_deep_pixels_stay_as_deep(kind: str) -> None:
    values = (np.random.default_rng(0).normal(500, 90, (9, 11)) * (1 if kind[0] == "f" else 10**6)).astype(kind)
    dataset = builders.dicom_dataset(PIXELS)
    del dataset.PixelData
    dataset.Rows, dataset.Columns, dataset.BitsAllocated = 9, 11, 8 * values.dtype.itemsize
    if kind[0] == "f":
        del dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
        setattr(dataset, "FloatPixelData" if kind == "f4" else "DoubleFloatPixelData", values.tobytes())
    else:
        dataset.BitsStored, dataset.HighBit = 32, 31
        dataset.add_new("PixelData", "OW", values.tobytes())
    before = dicom.open_file(builders.dicom_file(dataset), max_pixels=10**6)
    after = dicom.open_file(clean(before.dataset, secret=SECRET).data, max_pixels=10**6)
    np.testing.assert_array_equal(before.image(0).pixels, values.astype(np.float32))
    assert before.image(0).pixel_sha256() == after.image(0).pixel_sha256()


_SEEDS = [
    drawn({"photometric": kind, "allocated": 16, "unused": 4, "signed": True, "frames": 2, "enhanced": True} | more, {})
    for kind in ("MONOCHROME2", "PALETTE COLOR", "RGB")
    for more in ({"syntax": RLELossless, "seed": 1}, {"syntax": ExplicitVRLittleEndian, "seed": 2})
] + [builders.dicom_bytes(np.zeros((64, 64), np.uint16), syntax=JPEG2000Lossless, WindowCenter=3, WindowWidth=9)]


@pytest.mark.attack("mutations")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(_SEEDS),
    changes=st.lists(st.tuples(st.integers(132, 2500), st.integers(0, 255)), min_size=1, max_size=10),
)
@pytest.mark.slow
def test_of_a_damaged_file_a_clean_one_or_a_reason_comes_out(seed: bytes, changes: list[tuple[int, int]]) -> None:
    tried()
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        opened = dicom.open_file(bytes(data), max_pixels=10**6)
        cleaned = clean(opened.dataset, secret=SECRET)
    except UnreadableImage:
        return
    assert dicom.open_file(cleaned.data, max_pixels=10**6).frames == opened.frames


@pytest.mark.parametrize("representation", (b"U\x00", b"UE", b"UA"))
def test_a_size_of_no_known_kind_is_damage(representation: bytes) -> None:
    data = _SEEDS[1].replace(b"\x28\x00\x02\x00US", b"\x28\x00\x02\x00" + representation)
    with pytest.raises(UnreadableImage, match=r"Samples per Pixel \(0028,0002\) is no number"):
        dicom.open_file(data, max_pixels=10**6)
