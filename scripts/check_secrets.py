"""Looks for passwords and keys in the files that git tracks, by detect-secrets; run by `make lint`.

What looks like one and is none says so on its line: `pragma: allowlist secret`, in a comment.
"""

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from detect_secrets.core import scan
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.keyword import DENYLIST
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parents[1]
_SLOW = {"ArtifactoryDetector", "CloudantDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "SoftlayerDetector"}
_DETECTORS: Mapping[str, type[BasePlugin]] = get_mapping_from_secret_type_to_class()
_FORMS: dict[str, list[re.Pattern[str]]] = {
    detector.__name__: [re.compile(form) for form in detector.denylist]  # type: ignore[attr-defined]
    for detector in _DETECTORS.values()
    if issubclass(detector, RegexBasedDetector) and detector.__name__ not in {"IPPublicDetector", *_SLOW}
}
"""Keys that are known by their form, without those of services that nobody would use here."""
_GUESSES = {  # with 22 characters, no text has the entropy that base64 is told by
    "Base64HighEntropyString": [re.compile(r"""["'][A-Za-z0-9+/=_-]{23,}["']""")],
    "HexHighEntropyString": [re.compile(r"""["'][0-9a-fA-F]{8,}["']""")],
    "KeywordDetector": [re.compile("|".join(DENYLIST), re.IGNORECASE)],
}
"""Not for tests and documents, which are full of made-up ones."""
_NO_SOURCE = (".lock", ".png", ".svg", ".safetensors", "package-lock.json", "manifest.json")
"""Pinned hashes, digests of models, and what nobody types."""
_PLACEHOLDERS = r"user:password@|\$\{[A-Z]"


def suspects(path: Path, *, guess: bool) -> tuple[str, ...]:
    """The detectors that may find something in a file. They go through it line by line, a hundred times as slowly."""
    text = path.read_text(errors="replace")
    hints = _FORMS | (_GUESSES if guess else {})
    return tuple(name for name, forms in hints.items() if any(form.search(text) for form in forms))


def find(paths: list[Path], *, detectors: tuple[str, ...]) -> list[str]:
    """A line for each find: file, line, and what it looks like. Never the secret itself."""
    heuristics = ("is_sequential_string", "is_potential_uuid", "is_indirect_reference", "is_templated_secret")
    settings = {
        "plugins_used": [{"name": name} for name in detectors],
        "filters_used": [
            {"path": "detect_secrets.filters.allowlist.is_line_allowlisted"},
            *({"path": f"detect_secrets.filters.heuristic.{name}"} for name in heuristics),
            {"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": [_PLACEHOLDERS]},
        ],
    }
    with transient_settings(settings):
        return [f"{path}:{one.line_number}: {one.type}" for path in paths for one in scan.scan_file(str(path))]


def search(paths: list[Path]) -> list[str]:
    """What is found in files, named relative to the repository."""
    groups: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for path in paths:
        guess = path.parts[0] not in ("tests", "docs") and path.suffix != ".md"
        groups[suspects(path, guess=guess)].append(path)
    return sorted(line for detectors, some in groups.items() if detectors for line in find(some, detectors=detectors))


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        print("Not searched for secrets: this is no git checkout.", file=sys.stderr)
        return 0
    os.chdir(ROOT)
    names = [name for name in listed.stdout.split("\0") if name and not name.endswith(_NO_SOURCE)]
    found = search([Path(name) for name in names if Path(name).is_file()])
    if found:
        print(*found, "If it is no secret, say so on its line: pragma: allowlist secret. If it is one, change it.",
              sep="\n", file=sys.stderr)  # fmt: skip
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
