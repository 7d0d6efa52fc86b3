"""Which part of the body a DICOM file says it shows.

`body_parts.csv` lists parts of the head and of the rest of the body: those of the standard's context groups for
anatomic regions (PS3.16, CID 4030, 4031, 4028, 7140 and 12105) with their SNOMED codes, the defined terms of Body Part
Examined (PS3.16, annex L), and the words that people type there in their own language. Whole words are compared, never
parts of them: SACROILIAC is not the IAC. A word that is not listed tells nothing.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom.dataset import Dataset

from ml.contracts import UnreadableImage
from ml.readers.dicom.attributes import groups, items, text_values

_TABLE = Path(__file__).with_name("body_parts.csv")
_UNSPECIFIC = frozenset("UNKNOWN OTHER NONE WHOLEBODY ENTIREBODY BODY ADULT UNDEFINED UNSPECIFIED DEFAULT".split())  # noqa: SIM905
_LONGEST = 4
"""Words of the longest phrase in the table, such as `internal auditory canal`."""
_UNDECOMPOSED = str.maketrans("ŁØĐ", "LOD")
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
"""Kana, ideographs and Hangul: words in these scripts follow each other without a space."""
_SECTIONS = ("AnatomicRegionSequence", "PrimaryAnatomicStructureSequence")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the body.

    region: `head`; `other`; or `headed`, a part elsewhere that has a head of its own, as in FEMORAL HEAD.
    name: in English.
    """

    region: str
    name: str


def check(dataset: Dataset) -> tuple[str, ...]:
    """Check that a file may show the brain. Returns a note if it names a part of the body that is not known here.

    Raises UnreadableImage with code `not_brain`: a known part is named, and none of the head.
    """
    found = list(_named(dataset))
    parts = {part: tag for part, tag in found if part is not None}
    heads = {part.name for part in parts if part.region == "head"}
    others = sorted((part.name.upper(), tag) for part, tag in parts.items() if part.region != "head")
    if others and (not heads or (heads == {"head"} and any(part.region == "headed" for part in parts))):
        name, tag = others[0]
        raise UnreadableImage("not_brain", f"Set aside: the body part examined is {name}, not the brain (tag {tag}).")
    if found and not parts:
        return (f"The body part examined (tag {found[0][1]}) is not one that is known here.",)
    return ()


def _named(dataset: Dataset) -> Iterator[tuple[Part | None, str]]:
    """What the file says it shows, each with the tag that says so; None for a word or code that is not listed."""
    for value in text_values(dataset, "BodyPartExamined"):
        words = _words(value)
        if words and "".join(words) not in _UNSPECIFIC:
            parts: list[Part | None] = [*_in_phrase(words)]
            yield from ((part, "(0018,0015)") for part in parts or [None])
    for code in _codes(dataset):
        yield _table().get(code), "(0008,2218)"


def _words(value: str) -> list[str]:
    """Upper-case words without accents."""
    plain = unicodedata.normalize("NFKD", value.upper()).translate(_UNDECOMPOSED)
    composed = unicodedata.normalize("NFC", "".join(one for one in plain if not _is_accent(one)))
    return re.findall(r"[^\W_]+", composed)


def _is_accent(character: str) -> bool:
    return "\u0300" <= character <= "\u036f"


def _in_phrase(words: list[str]) -> Iterator[Part]:
    """The parts named by words, the longest phrases first: CERVICAL SPINE before SPINE."""
    table, at = _table(), 0
    whole = table.get("-".join(words))  # a SNOMED code such as T-D1100
    if whole is not None:
        yield whole
        return
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            part = table.get("".join(words[at : at + length]))
            if part is not None:
                yield part
                break
        else:
            length = 1
            if _WITHOUT_SPACES.search(words[at]):
                yield from _without_spaces(words[at])
        at += length


def _without_spaces(word: str) -> Iterator[Part]:
    for known in sorted((one for one in _table() if _WITHOUT_SPACES.search(one)), key=len, reverse=True):
        if known in word:
            yield _table()[known]
            word = word.replace(known, " ")


def _codes(dataset: Dataset) -> Iterator[str]:
    """Code Values of the anatomic regions of the file or its first frame (PS3.3, 10.5 and C.7.6.16.2.8)."""
    datasets = [dataset, *(item for group in groups(dataset, 0) for item in items(group, "FrameAnatomySequence"))]
    for one in datasets:
        for section in _SECTIONS:
            for item in items(one, section):
                yield from text_values(item, "CodeValue")


@cache
def _table() -> dict[str, Part]:
    """Parts by word and by code. A word of several is written without spaces."""
    table: dict[str, Part] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            part = Part(row["region"], row["name"])
            table["".join(_words(row["name"]))] = part
            for key in [*row["codes"].split(), *("".join(_words(word)) for word in row["words"].split())]:
                table[key] = part
    return table
