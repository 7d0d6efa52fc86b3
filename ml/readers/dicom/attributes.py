"""Values of a dataset that may be absent, of another type, or not convertible.

pydicom converts a value when it is read, and raises almost anything if it does not fit its VR.
"""

import contextlib

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence


def has_value(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute has a value, even one that cannot be converted."""
    try:
        return dataset.get(keyword) not in (None, "")
    except Exception:
        return True


def text_value(dataset: Dataset, keyword: str) -> str:
    """A value as text without padding; "" if absent or not text."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ""
    return value.strip(" \0") if isinstance(value, str) else ""


def text_values(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an attribute as upper-case text; empty if absent or not text.

    UTF-8 that was taken for Latin-1, because the file names no character set, is mended.
    """
    try:
        value = dataset.get(keyword)
    except Exception:
        return ()
    if isinstance(value, str):
        value = [value]
    many = hasattr(value, "__iter__") and not isinstance(value, (bytes, Dataset))
    return tuple(_mended(str(one)).strip(" \0").upper() for one in value) if many else ()


def _mended(text: str) -> str:
    with contextlib.suppress(UnicodeError):
        return text.encode("latin-1").decode("utf-8")
    return text


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """All values of an attribute as numbers; empty if absent or not numeric."""
    try:
        value = dataset.get(keyword)
        values = list(value) if isinstance(value, (MultiValue, list)) else [value]
        return [float(one) for one in values if one not in (None, "")]
    except Exception:
        return []


def groups(dataset: Dataset, index: int) -> list[Dataset]:
    """The functional groups of an enhanced object that apply to frame `index`: the shared ones, then its own."""
    shared = items(dataset, "SharedFunctionalGroupsSequence")[:1]
    return shared + items(dataset, "PerFrameFunctionalGroupsSequence")[index : index + 1]


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; empty if it is absent or not a sequence."""
    try:
        found = dataset.get(keyword)
        return list(found) if isinstance(found, Sequence) else []
    except Exception:
        return []
