"""Body Part Examined and Anatomic Region Sequence: whole words and codes decide, in the languages that people use."""

import csv

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from ml.contracts import UnreadableImage
from ml.readers.dicom import body_part

HEADS = """
BRAIN HEAD SKULL HEADNECK NEURO IAC ORBIT SELLA PITUITARY CEREBELLUM MASTOID KOPF Schädel SCHAEDEL GEHIRN TETE TÊTE
CRÂNE CERVEAU CABEZA CEREBRO CRÁNEO TESTA ENCEFALO CABEÇA HOOFD HUVUD GŁOWA МОЗГ ГОЛОВА ΚΕΦΑΛΗ 頭部 脳 头颅 뇌
T-D1100 T-A0100 T-11100 69536005 12738006 HEAD_NECK HEAD^BRAIN
""".split()  # noqa: SIM905


def examined(*values: str) -> Dataset:
    dataset = Dataset()
    dataset.BodyPartExamined = list(values) if len(values) > 1 else values[0]
    return dataset


def region(value: str, scheme: str) -> Dataset:
    dataset, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "as coded"
    dataset.AnatomicRegionSequence = [code]
    return dataset


@pytest.mark.parametrize("word", HEADS)
def test_words_and_codes_of_the_head(word: str) -> None:
    assert body_part.check(examined(word)) == ()


@pytest.mark.parametrize(
    "value",
    [
        "Head and Neck",
        "BRAIN CSPINE",
        "MR BRAIN W/O",
        "Circle of Willis",
        "頭頸部",
        "頭蓋骨",
        "Cavernous sinus",
        "FACIAL NERVE",
        "EYE/ORBIT",
    ],
)
def test_a_phrase_with_the_head_in_it(value: str) -> None:
    assert body_part.check(examined(value)) == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("CARDIAC", "HEART"),
        ("SACROILIAC", "SACROILIAC JOINT"),
        ("ILIAC", "ILIAC ARTERY"),
        ("FEMORAL HEAD", "FEMUR"),
        ("HEAD OF HUMERUS", "HUMERUS"),
        ("PANCREAS HEAD", "PANCREAS"),
        ("TÊTE FÉMORALE", "FEMUR"),
        ("大腿骨頭", "FEMUR"),
        ("knee", "KNEE"),
        ("C-SPINE", "CERVICAL SPINE"),
        ("WIRBELSÄULE", "SPINE"),
        ("RODILLA", "KNEE"),
        ("膝関節", "KNEE"),
        ("T-D9200", "KNEE"),
        ("72696002", "KNEE"),
        ("PHANTOM", "PHANTOM"),
    ],
)
def test_another_part_of_the_body_is_named(value: str, said: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        body_part.check(examined(value))
    assert (caught.value.code, caught.value.message) == (
        "not_brain",
        f"Set aside: the body part examined is {said}, not the brain (tag (0018,0015)).",
    )


@pytest.mark.parametrize("value", ["SHEAD", "CELIAC", "DOE JANE", "乳突", "ŁOKIEĆ"])
def test_a_word_that_is_not_known_tells_nothing_and_is_not_repeated(value: str) -> None:
    assert body_part.check(examined(value)) == (
        "The body part examined (tag (0018,0015)) is not one that is known here.",
    )


@pytest.mark.parametrize("value", ["", "UNKNOWN", "Whole Body", "NONE"])
def test_a_word_without_a_meaning_is_not_noted(value: str) -> None:
    assert body_part.check(examined(value)) == ()


def test_every_value_counts() -> None:
    """Body Part Examined has one value; some files have several."""
    assert body_part.check(examined("NECK", "HEAD")) == ()
    with pytest.raises(UnreadableImage, match="KNEE"):
        body_part.check(examined("KNEE", "LEG"))


def test_utf8_without_a_character_set_is_understood() -> None:
    assert body_part.check(examined("頭部".encode().decode("latin-1"))) == ()


@pytest.mark.parametrize(("value", "scheme"), [("T-A0100", "SRT"), ("12738006", "SCT"), ("T-A0100", "SNM3")])
def test_a_coded_head(value: str, scheme: str) -> None:
    assert body_part.check(region(value, scheme)) == ()


@pytest.mark.parametrize(("value", "scheme"), [("T-D9200", "SRT"), ("72696002", "SCT")])
def test_a_coded_knee(value: str, scheme: str) -> None:
    with pytest.raises(UnreadableImage, match=r"KNEE.*\(0008,2218\)"):
        body_part.check(region(value, scheme))


def test_the_region_of_an_enhanced_objects_frames() -> None:
    group, dataset = Dataset(), Dataset()
    group.FrameAnatomySequence = [region("T-D9200", "SRT")]
    dataset.SharedFunctionalGroupsSequence = [group]
    with pytest.raises(UnreadableImage, match="KNEE"):
        body_part.check(dataset)


def test_the_table_knows_every_region_of_the_standards_context_groups() -> None:
    """PS3.16, CID 4030 and 4031. EntireBody tells nothing about the head."""
    known = body_part._table()
    for group in (codes.cid4030, codes.cid4031):
        for name in group.dir():
            if name != "EntireBody":
                assert getattr(group, name).value in known, name


def test_no_word_stands_for_two_parts() -> None:
    owners: dict[str, str] = {}
    with body_part._TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for key in {*row["codes"].split(), *("".join(body_part._words(word)) for word in row["words"].split())}:
                assert owners.setdefault(key, row["name"]) == row["name"]
