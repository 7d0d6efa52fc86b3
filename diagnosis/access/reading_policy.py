"""The policy under which a person reads: the strictest of their groups' policies, else the site's settings."""

from typing import Any

from django.conf import settings
from django.db.models import Exists, Max, OuterRef

from diagnosis.access.users import AnyUser, User
from diagnosis.models import ReadingPolicy
from diagnosis.models.reading_policy import Mode


def columns(user: str) -> dict[str, Exists]:
    """Annotations with which a request's user is loaded, so that `mode` needs no query. user: the column of its id."""
    policies = ReadingPolicy.objects.filter(group__user=OuterRef(user))
    return {"has_policy": Exists(policies), "has_blind_policy": Exists(policies.filter(mode=Mode.BLIND_FIRST))}


def mode(user: AnyUser) -> Mode:
    """Whether the person sees the model's result first. An administrator without a group's policy does."""
    has_policy, has_blind_policy = _policies(user)
    if has_policy:
        return Mode.BLIND_FIRST if has_blind_policy else Mode.OPEN
    return Mode.OPEN if user.is_superuser else Mode(settings.READING_MODE)


def is_blind_first(user: AnyUser) -> bool:
    return mode(user) is Mode.BLIND_FIRST


def readings_required(user: User) -> int:
    """How many signed readings a scan needs if this person reads it. One query."""
    asked = ReadingPolicy.objects.filter(group__user=user.pk).aggregate(most=Max("readings"))["most"]
    return int(asked or settings.READINGS_REQUIRED)


def _policies(user: AnyUser) -> tuple[bool, bool]:
    loaded: Any = getattr(user, "has_policy", None)
    if loaded is not None:
        return bool(loaded), bool(getattr(user, "has_blind_policy", False))
    modes = set(ReadingPolicy.objects.filter(group__user=user.pk).values_list("mode", flat=True)) if user.pk else set()
    return bool(modes), Mode.BLIND_FIRST in modes
