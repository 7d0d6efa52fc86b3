"""The model registry of a site: register an artifact, activate a version, load it, and check whether it is usable.

There is no fallback: when the active version's files are missing or damaged, the site says so and predicts nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

import ml
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.models import ModelVersion
from ml.contracts import ModelUnavailable
from ml.engines import cores
from ml.inference import golden, registry


@dataclass(frozen=True, slots=True)
class Status:
    """Whether there is a model to predict with. problem: a sentence for staff if there is not."""

    usable: bool
    label: str = ""
    problem: str = ""
    version: ModelVersion | None = None


def register(*, path: Path | str, actor: User | None = None) -> ModelVersion:
    """Verify the digests of an artifact's files and register it; doing it again updates path and manifest.

    Raises ModelUnavailable if it is missing, damaged, or made for another preprocessing.
    """
    manifest = registry.read_manifest(Path(path).resolve())
    registry.read_tensors(manifest)
    registry.read_hashes(manifest)
    with transaction.atomic():
        version, created = ModelVersion.objects.update_or_create(
            digest=manifest.digest,
            defaults={"name": manifest.name, "path": str(manifest.path), "manifest": manifest.data},
            create_defaults={
                "name": manifest.name,
                "path": str(manifest.path),
                "manifest": manifest.data,
                "registered_by": actor,
            },
        )
        if created:
            audit.record("model.registered", actor=actor, target=version, path=str(manifest.path))
    return version


def activate(*, version: ModelVersion, actor: User | None = None) -> None:
    """Use `version` for every new prediction."""
    with transaction.atomic():
        _lock_all()
        ModelVersion.objects.filter(active=True).exclude(pk=version.pk).update(active=False)
        if ModelVersion.objects.filter(pk=version.pk, active=False).update(active=True):
            audit.record("model.activated", actor=actor, target=version)
    version.active = True


def _lock_all() -> None:
    """Until the transaction ends nobody else changes which version is active. New predictions go on."""
    list(ModelVersion.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def register_default() -> ModelVersion:
    """At startup, register and activate ML_MODEL; if it is not set, register the shipped artifact.

    The shipped artifact is activated if no version is active, or if it replaces the active one: it lies in the same
    folder, or beside a folder that an upgrade removed.

    Raises ModelUnavailable. If ML_MODEL is unusable, no version stays active, so that no other model predicts instead.
    """
    chosen = settings.ML_MODEL
    try:
        version = register(path=chosen or registry.DEFAULT_ARTIFACT)
    except ModelUnavailable:
        if chosen:
            _deactivate_all()
        raise
    current = active()
    if chosen or current is None or _replaces(version, current):
        activate(version=version)
    return version


def _deactivate_all() -> None:
    with transaction.atomic():
        _lock_all()
        for version in ModelVersion.objects.filter(active=True):
            audit.record_of_site("model.deactivated", target=version, unusable=settings.ML_MODEL)
        ModelVersion.objects.filter(active=True).update(active=False)


def _replaces(version: ModelVersion, current: ModelVersion) -> bool:
    old, new = Path(current.path), Path(version.path)
    return old == new or (old.parent == new.parent and not old.exists())


def active() -> ModelVersion | None:
    """The version that new predictions use. Its manifest is long, so it is loaded only when accessed."""
    return ModelVersion.objects.filter(active=True).defer("manifest").first()


def status() -> Status:
    """Whether the active version is usable, from a quick check of its files; `load` verifies the digests. One query."""
    version = active()
    if version is None:
        wanted = settings.ML_MODEL or registry.DEFAULT_ARTIFACT
        try:
            registry.quick_check(registry.read_manifest(wanted))
        except ModelUnavailable as error:
            return Status(usable=False, problem=error.message)
        return Status(usable=False, problem="No model version is active. Activate one in the admin.")
    trouble = problem(version)
    return Status(usable=not trouble, label=version.label, problem=trouble, version=version)


def problem(version: ModelVersion) -> str:
    """What a quick check finds wrong with a version's files, as a sentence; empty if nothing."""
    try:
        registry.quick_check(_manifest(version))
    except ModelUnavailable as error:
        return error.message
    return ""


def load(version: ModelVersion | None) -> ml.Model:
    """A version's model, loaded once per process.

    Raises ModelUnavailable if there is no version, or its files are missing, damaged or replaced by another version's.
    """
    if version is None:
        raise ModelUnavailable("model_missing", status().problem or "No model version was active.")
    _manifest(version)
    return ml.load_model(version.path, engine=settings.ML_ENGINE, threads=cores.per_worker(settings.WORKERS))


def load_active() -> ml.Model:
    """The active version's model, after a check of what it computes. Raises ModelUnavailable."""
    version = active()
    model = load(version)
    assert version is not None
    _check_golden(version, model)
    return model


def verify_active() -> str:
    """Check the digests of the active version's files, and what it computes. Returns its label.

    Raises ModelUnavailable.
    """
    version = active()
    if version is not None:
        registry.verify(_manifest(version))
    return load_active().manifest.label


def active_files() -> tuple[object, ...]:
    """Changes when another version becomes active, or one of the active one's files changes. One query."""
    version = active()
    if version is None:
        return ()
    try:
        return version.pk, *registry.file_versions(_manifest(version))
    except ModelUnavailable as error:
        return version.pk, error.message


def _check_golden(version: ModelVersion, model: ml.Model) -> None:
    """Compare the numbers for a drawn head with those of the first time, or keep them if this is the first time."""
    found = golden.measure(model)
    ModelVersion.objects.filter(pk=version.pk, golden__isnull=True).update(golden=found)
    stored = ModelVersion.objects.values_list("golden", flat=True).get(pk=version.pk)
    if not golden.agree(stored or (), found):
        raise ModelUnavailable(
            "numbers_changed",
            f"{version.label} no longer computes for a drawn head what it did when it was first used. Its files are "
            "whole, so look at what runs it: the engine's version, or the machine.",
        )


def _manifest(version: ModelVersion) -> registry.Manifest:
    manifest = registry.read_manifest(version.path)
    if manifest.digest != version.digest:
        raise ModelUnavailable("model_changed", f"The files in {version.path} are no longer model {version.label}.")
    return manifest
