"""requirements*.txt and their locks: what a site that serves installs, and what only training adds."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def named(file: str) -> set[str]:
    """The distributions that a requirements file or a lock names."""
    lines = (ROOT / file).read_text().splitlines()
    return {found[0].lower() for line in lines if (found := NAME.match(line))}


def test_every_training_requirement_stands_in_the_whole_list() -> None:
    assert named("requirements-train.txt") <= named("requirements.txt")


def test_every_direct_requirement_has_its_reason_beside_it() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if NAME.match(line)]
    assert lines
    assert [line for line in lines if not re.search(r"  # \S", line)] == []


def test_the_serving_lock_holds_the_list_without_what_only_training_needs() -> None:
    training, serving = named("requirements-train.txt"), named("requirements-serve.lock")
    assert named("requirements.txt") - training <= serving
    assert serving & training <= {"tqdm"}  # ncnn brings tqdm along


def test_the_training_lock_pins_the_same_versions_as_the_serving_lock() -> None:
    pins = [
        dict(re.findall(r"^([a-z0-9][^=\s]*)==(\S+ (?:;[^\\]*)?)", (ROOT / file).read_text(), re.MULTILINE))
        for file in ("requirements-serve.lock", "requirements-train.lock")
    ]
    shared = pins[0].keys() & pins[1].keys()
    assert "numpy" in shared
    assert [name for name in shared if pins[0][name].split()[0] != pins[1][name].split()[0]] == []
