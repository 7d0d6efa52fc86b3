"""Which model the site uses: register an artifact, activate a version, and tell whether it is usable.

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
from ml.inference import registry


@dataclass(frozen=True, slots=True)
class Status:
    """Is there a model to predict with? `problem` is a sentence when there is not."""

    usable: bool
    label: str = ""
    problem: str = ""
    version: ModelVersion | None = None


def register(*, path: Path | str, actor: User | None = None) -> ModelVersion:
    """Make an artifact folder known, its files' digests verified. Registering it again updates its path and manifest.

    Raises ModelUnavailable: missing, damaged, or made for another preprocessing.
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
    """Use `version` for every prediction from now on."""
    with transaction.atomic():
        ModelVersion.objects.filter(active=True).exclude(pk=version.pk).update(active=False)
        if ModelVersion.objects.filter(pk=version.pk, active=False).update(active=True):
            audit.record("model.activated", actor=actor, target=version)
    version.active = True


def register_default() -> ModelVersion:
    """At start: make ML_MODEL known and active; without it, the shipped artifact.

    The shipped one becomes active if no version is, or if the active one was its predecessor: of the same folder, or of
    one beside it that an upgrade took away.

    Raises ModelUnavailable; an ML_MODEL that cannot be used leaves no version active, rather than another one.
    """
    chosen = settings.ML_MODEL
    try:
        version = register(path=chosen or registry.DEFAULT_ARTIFACT)
    except ModelUnavailable:
        if chosen:
            ModelVersion.objects.filter(active=True).update(active=False)
        raise
    current = active()
    if chosen or current is None or _preceded(version, current):
        activate(version=version)
    return version


def _preceded(version: ModelVersion, current: ModelVersion) -> bool:
    old, new = Path(current.path), Path(version.path)
    return old == new or (old.parent == new.parent and not old.exists())


def active() -> ModelVersion | None:
    """The version that new predictions use. Its manifest, which is long, is read when somebody asks for it."""
    return ModelVersion.objects.filter(active=True).defer("manifest").first()


def status() -> Status:
    """Is the active version usable, as far as a look at its files tells? One query; the digest is verified at load."""
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
    """What is wrong with a version's files, as a sentence; empty if nothing is. A look, not a full check."""
    try:
        registry.quick_check(_manifest(version))
    except ModelUnavailable as error:
        return error.message
    return ""


def load(version: ModelVersion | None) -> ml.Model:
    """The loaded model of a version, once per process.

    Raises ModelUnavailable: there is no version, its files are missing or damaged, or they are no longer that version.
    """
    if version is None:
        raise ModelUnavailable("model_missing", status().problem or "No model version was active.")
    _manifest(version)
    return ml.load_model(version.path, engine=settings.ML_ENGINE, threads=cores.per_worker(settings.WORKERS))


def load_active() -> ml.Model:
    """The loaded active model. Raises ModelUnavailable."""
    return load(active())


def _manifest(version: ModelVersion) -> registry.Manifest:
    manifest = registry.read_manifest(version.path)
    if manifest.digest != version.digest:
        raise ModelUnavailable("model_changed", f"The files in {version.path} are no longer model {version.label}.")
    return manifest
