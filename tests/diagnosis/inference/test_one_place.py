"""Every change of a prediction's state is made in one module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import diagnosis

OWNED = {"state", "not_before", "queued", "started", "finished", "attempts", "worker"}
"""The columns by which a prediction is claimed, and which say what became of it."""

WRITES = {"update", "bulk_update", "create", "get_or_create", "update_or_create", "for_scan", "Prediction"}
ROOT = Path(diagnosis.__file__).parent
OWNER = ROOT / "inference" / "transitions.py"


def writes(source: str) -> Iterator[str]:
    """What in a module's source sets one of OWNED, however it is written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            keywords = {keyword.arg for keyword in node.keywords}
            names = {child.id for child in ast.walk(node.func) if isinstance(child, ast.Name)}
            if "Review" in names:  # has a state of its own, which `reviews.transitions` changes
                continue
            predictions = "Prediction" in names
            # `**fields` may hold anything, so a model's row is not written with it elsewhere.
            if name in WRITES and (keywords & OWNED or (predictions and None in keywords)):
                yield ast.unparse(node)
            if name in ("bulk_create", "save", "delete") and predictions:
                yield ast.unparse(node)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign) and "UploadState" in ast.unparse(node.value):  # of a row in an upload list
            continue
        if any(isinstance(target, ast.Attribute) and target.attr in OWNED for target in targets):
            yield ast.unparse(node)


def test_no_other_module_changes_a_state() -> None:
    modules = [file for file in ROOT.rglob("*.py") if "migrations" not in file.parts and file != OWNER]
    assert len(modules) > 100
    found = {str(file.relative_to(ROOT)): list(writes(file.read_text())) for file in modules}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_the_search_for_such_modules_finds_them() -> None:
    assert len(list(writes(OWNER.read_text()))) >= 9
    for line in (
        "Prediction.objects.filter(pk=1).update(state='done')",
        "Prediction.objects.filter(pk=1).update(**fields)",
        "prediction.state = State.DONE",
        "Prediction.for_scan(scan, queued=now)",
        "Prediction.objects.bulk_create(rows)",
    ):
        assert list(writes(line)), line
    assert not list(writes("Prediction.objects.filter(state='done')"))
