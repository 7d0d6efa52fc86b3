"""Image Type and Frame Type: which values mark a computed image, in the spellings of the standard and of vendors."""

import pytest
from pydicom.dataset import Dataset

from ml.contracts import UnreadableImage
from ml.readers.dicom import image_type, object_type
from tests import builders


def values(text: str) -> tuple[str, ...]:
    return tuple(text.split("\\"))


@pytest.mark.parametrize(
    "text",
    [
        r"ORIGINAL\PRIMARY\M\NORM\DIS2D",
        r"ORIGINAL\PRIMARY\M\ND\FM\FIL",
        r"ORIGINAL\PRIMARY\M\ND\NORM\MFSPLIT",
        r"ORIGINAL\PRIMARY\M\DIS3D\COMP_AD",
        r"ORIGINAL\PRIMARY\M_FFE\M\FFE",
        r"ORIGINAL\PRIMARY\R_IR\R\IR",
        r"ORIGINAL\PRIMARY\M\FAT SAT",
        r"ORIGINAL\PRIMARY\M\MPRAGE",
        r"ORIGINAL\PRIMARY\M\IN_PHASE",
        r"ORIGINAL\PRIMARY\DIFFUSION\NONE\ND",
        r"ORIGINAL\PRIMARY\PERFUSION\NONE",
        r"ORIGINAL\PRIMARY\VOLUME\NONE",
        r"ORIGINAL\PRIMARY\T1\NONE",
        r"DERIVED\PRIMARY\M\SE\COMPRESSED",
        r"DERIVED\PRIMARY\W\W\DERIVED",
        r"DERIVED\SECONDARY",
        r"DERIVED\SECONDARY\OTHER",
        r"DERIVED\SECONDARY\M\ND\NORM",
        r"ORIGINAL",
        r"",
    ],
)
def test_an_acquired_image(text: str) -> None:
    assert image_type.computed(values(text)) is None


@pytest.mark.parametrize("first", ["ORIGINAL", "DERIVED"])
@pytest.mark.parametrize(
    ("rest", "kind", "said"),
    [
        (r"PRIMARY\DIFFUSION\ADC\ND\NORM", "a diffusion map", "ADC"),
        (r"PRIMARY\ADC_SE\ADC\SE", "a diffusion map", "ADC"),
        (r"PRIMARY\DIFFUSION\FA\ND", "a diffusion map", "FA"),
        (r"PRIMARY\DIFFUSION\TRACEW\ND", "a diffusion map", "TRACEW"),
        (r"PRIMARY\DIFFUSION\DIFFUSION_ANISO", "a diffusion map", "DIFFUSION_ANISO"),
        (r"PRIMARY\P\ND", "a phase image", "P"),
        (r"PRIMARY\PHASE MAP\P\FFE", "a phase image", "PHASE MAP"),
        (r"PRIMARY\M\PHASE", "a phase image", "PHASE"),
        (r"PRIMARY\R_FFE\R\FFE", "a real or imaginary part", "R_FFE"),
        (r"PRIMARY\I\IR", "a real or imaginary part", "I"),
        (r"SECONDARY\MPR\CSA MPR\\CSAPARALLEL\M\ND", "a reformat", "MPR"),
        (r"SECONDARY\REFORMATTED\AVERAGE", "a reformat", "REFORMATTED"),
        (r"PRIMARY\MNIP\ND\NORM", "a projection", "MNIP"),
        (r"PRIMARY\MAX_IP\NONE", "a projection", "MAX_IP"),
        (r"SECONDARY\PROJECTION IMAGE\MIP", "a projection", "PROJECTION IMAGE"),
        (r"PRIMARY\RCBV", "a perfusion map", "RCBV"),
        (r"PRIMARY\ASL\RELCBF", "a perfusion map", "RELCBF"),
        (r"PRIMARY\MTT\NONE", "a perfusion map", "MTT"),
        (r"PRIMARY\TTP", "a perfusion map", "TTP"),
        (r"PRIMARY\M\ND\SUB", "a subtraction", "SUB"),
        (r"PRIMARY\T1\SUBTRACTION", "a subtraction", "SUBTRACTION"),
        (r"PRIMARY\T1 MAP\T1\SE", "a parameter map", "MAP"),
        (r"PRIMARY\T2\T2_STAR_MAP", "a parameter map", "MAP"),
        (r"PRIMARY\T1MAP", "a parameter map", "MAP"),
        (r"PRIMARY\DIXON\FAT", "an image of fat alone", "FAT"),
    ],
)
def test_a_computed_image(first: str, rest: str, kind: str, said: str) -> None:
    found = image_type.computed(values(f"{first}\\{rest}"))
    assert found is not None
    assert found[0] == kind or (first, found[1]) == ("DERIVED", "ASL")
    assert found[1] in (said, "ASL")


def test_perfusion_tells_of_a_map_only_in_a_derived_image() -> None:
    assert image_type.computed(values(r"DERIVED\PRIMARY\PERFUSION\NONE")) == ("a perfusion map", "PERFUSION")


def test_words_that_are_not_known_are_not_repeated() -> None:
    assert image_type.computed(values(r"DERIVED\PRIMARY\JANE DOE MAP")) == ("a parameter map", "MAP")


@pytest.mark.parametrize("value", ["LOCALIZER", "3-PLANE LOCALIZER", "SCOUT"])
def test_a_localizer(value: str) -> None:
    assert image_type.is_localizer(("ORIGINAL", "PRIMARY", value))
    assert not image_type.is_localizer(("ORIGINAL", "PRIMARY", f"{value}X"))


def refusal(dataset: Dataset) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        object_type.check(dataset)
    return caught.value


def dataset(*, image: str = r"ORIGINAL\PRIMARY\OTHER") -> Dataset:
    return builders.dicom_dataset(builders.phantom(64), ImageType=list(values(image)))


def test_a_mosaic_is_named_and_the_file_tells_how_to_go_on() -> None:
    error = refusal(dataset(image=r"ORIGINAL\PRIMARY\M\ND\MOSAIC"))
    assert error.code == "mosaic"
    assert "Siemens mosaic" in error.message
    assert "(0008,0008)" in error.message


def test_a_mosaic_whose_type_was_cleaned_is_known_by_its_number_of_slices() -> None:
    mosaic = dataset()
    mosaic.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 16)
    assert refusal(mosaic).code == "mosaic"


@pytest.mark.parametrize(("number", "said"), [(1, "PHASE"), (2, "REAL"), (3, "IMAGINARY")])
def test_ge_says_in_a_private_attribute_what_is_no_magnitude(number: int, said: str) -> None:
    part = dataset()
    part.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", number)
    error = refusal(part)
    assert error.code == "derived"
    assert f"Raw Data Type, tag (0043,xx2F), says {said}" in error.message
    part.private_block(0x0043, "GEMS_PARM_01")[0x2F].value = 0
    assert object_type.check(part) == ()


def test_a_complex_image_component_tells_phase() -> None:
    phase = dataset()
    phase.ComplexImageComponent = "PHASE"
    error = refusal(phase)
    assert (error.code, "tag (0008,9208), says PHASE" in error.message) == ("derived", True)


def enhanced(*frame_types: str) -> Dataset:
    made = dataset(image=r"ORIGINAL\PRIMARY\DIFFUSION\MIXED")
    made.PerFrameFunctionalGroupsSequence = []
    for text in frame_types:
        group, item = Dataset(), Dataset()
        item.FrameType = list(values(text))
        group.MRImageFrameTypeSequence = [item]
        made.PerFrameFunctionalGroupsSequence.append(group)
    return made


def test_an_enhanced_object_is_set_aside_when_all_of_its_frames_are_computed() -> None:
    adc, b0 = r"DERIVED\PRIMARY\DIFFUSION\ADC", r"ORIGINAL\PRIMARY\DIFFUSION\NONE"
    error = refusal(enhanced(adc, adc))
    assert (error.code, "Frame Type, tag (0008,9007), says ADC" in error.message) == ("derived", True)
    assert object_type.check(enhanced(adc, b0)) == ()


def test_a_capture_of_a_map_is_set_aside_but_not_for_being_derived() -> None:
    capture = dataset(image=r"DERIVED\SECONDARY\ADC")
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    assert refusal(capture).code == "derived"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    assert object_type.check(capture) == ("Read as an image of a screen: Secondary Capture Image Storage.",)


@pytest.mark.parametrize(
    "tags", [{"SOPClassUID": "1.2.840.10008.5.1.1.29"}, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "HC"}]
)
def test_a_print_is_named_as_a_film_sheet(tags: dict[str, str]) -> None:
    sheet = dataset()
    for name, value in tags.items():
        setattr(sheet, name, value)
    error = refusal(sheet)
    assert (error.code, "film sheet" in error.message) == ("not_mr", True)
