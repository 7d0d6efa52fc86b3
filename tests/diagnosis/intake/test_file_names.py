"""File names are hostile text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.intake.file_names import MAX_LENGTH, clean_name


@pytest.mark.parametrize(
    "given_name, kept",
    [
        ("axial_12.png", "axial_12.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\Ä x.png", "Ä x.png"),
        ('a"b<script>.png', 'a"b<script>.png'),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("gnp.\u202eexe", "gnp.exe"),
        ("e\u0301.png", "é.png"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("..", "unnamed"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
    ],
)
def test_known_names(given_name: str | None, kept: str) -> None:
    assert clean_name(given_name) == kept


@given(st.text(max_size=600))
def test_any_name_becomes_one_short_line_without_a_path(name: str) -> None:
    kept = clean_name(name)
    assert 1 <= len(kept) <= MAX_LENGTH
    assert not set(kept) & set("/\\\r\n\0")
    assert clean_name(kept) == kept
