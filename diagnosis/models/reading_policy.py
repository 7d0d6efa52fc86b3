"""How the members of a group read: whether they see the model's result first, and how many readings a scan needs."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q


class Mode(models.TextChoices):
    OPEN = "open", "Open: the model's result is shown at once"
    BLIND_FIRST = "blind_first", "Blind first: hidden until the reader has committed an opinion"


class ReadingPolicy(models.Model):
    """For a member of several groups the strictest holds; without any, the site's settings."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="reading_policy")
    mode = models.CharField(max_length=11, choices=Mode.choices, default=Mode.OPEN)
    readings = models.PositiveSmallIntegerField(
        default=1, choices=((1, "One"), (2, "Two, by different people")), help_text="Signed readings that a scan needs."
    )

    class Meta:
        verbose_name_plural = "reading policies"
        constraints = (
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="reading_policy_mode_known"),
            models.CheckConstraint(condition=Q(readings__in=(1, 2)), name="reading_policy_readings_1_or_2"),
        )

    def __str__(self) -> str:
        return f"reading policy of {self.group}"
