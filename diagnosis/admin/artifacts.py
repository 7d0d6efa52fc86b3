"""Artifact folders in the admin: which may be registered, and what a manifest says was measured.

A path typed into a web form must not become a way to probe the server's disk, so only known folders are searched.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from diagnosis.admin.base import NOTHING
from diagnosis.models import ModelVersion
from ml.inference import registry

_COLUMNS = (
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("auroc", "AUROC"),
)


def roots() -> list[Path]:
    """The folders that may hold artifacts: the shipped ones, DATA_DIR/models, and the one that ML_MODEL names."""
    named = [settings.ML_MODEL] if settings.ML_MODEL else []
    return [
        Path(folder).resolve() for folder in (registry.DEFAULT_ARTIFACT.parent, settings.DATA_DIR / "models", *named)
    ]


def permitted(text: str) -> Path | None:
    """The folder that `text` names, absolute or relative to a root, with links resolved; None if outside all roots."""
    inside = []
    for root in roots():
        folder = (root / text).resolve()
        if folder.is_relative_to(root):
            inside.append(folder)
    known = (folder for folder in inside if os.path.isfile(folder / "manifest.json"))  # noqa: PTH113 - False for names that are too long
    return next(known, inside[0] if inside else None)


def available() -> list[Path]:
    """Artifact folders in the roots that are not registered yet."""
    taken = set(ModelVersion.objects.values_list("path", flat=True))
    return [folder for root in roots() for folder in _artifacts(root) if str(folder) not in taken]


def help_text() -> SafeString:
    """The form's help text: where artifacts may be, and which ones there are not registered yet."""
    folders = format_html_join("", "<li><code>{}</code></li>", ((root,) for root in roots()))
    found = format_html_join("", "<li><code>{}</code></li>", ((folder,) for folder in available()))
    text = format_html("The artifact's folder (manifest.json and weights). It must be in one of:<ul>{}</ul>", folders)
    return format_html("{}Not registered yet:<ul>{}</ul>", text, found) if found else text


def measured(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest's metrics: `columns`, and `tables` of a title and rows (source, scans, formatted values).

    Missing parts are skipped: not every training measures everything.
    """
    metrics = manifest.get("metrics")
    sets = metrics.items() if isinstance(metrics, dict) else ()
    tables = [(name.capitalize(), rows) for name, values in sets if (rows := _rows(values))]
    return {"columns": [title for _, title in _COLUMNS], "tables": tables}


def _rows(values: Any) -> list[tuple[str, Any, list[str]]]:
    sources = values.get("sources") if isinstance(values, dict) else None
    if not isinstance(sources, dict):
        return []
    found = ((name, numbers) for name, numbers in sources.items() if isinstance(numbers, dict))
    return [(name, numbers.get("n"), [_formatted(numbers.get(key)) for key, _ in _COLUMNS]) for name, numbers in found]


def _artifacts(root: Path) -> Iterator[Path]:
    if (root / "manifest.json").is_file():
        yield root
    elif root.is_dir():
        yield from sorted(child for child in root.iterdir() if (child / "manifest.json").is_file())


def _formatted(measure: Any) -> str:
    """`0.930 (0.900 to 0.950)` from a value and its interval; without a value, the reason for that."""
    if not isinstance(measure, dict):
        return f"{measure:.3f}" if isinstance(measure, int | float) else NOTHING
    value, interval = measure.get("value"), measure.get("interval")
    if not isinstance(value, int | float):
        return str(measure.get("reason") or NOTHING)
    if isinstance(interval, list) and len(interval) == 2:
        return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
    return f"{value:.3f}"
