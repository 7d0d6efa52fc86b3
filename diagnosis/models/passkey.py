"""Passkeys: keys of which the site has the public half, and a person's device or password manager the other."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from diagnosis.models.second_factor import SecondFactor

NAME_LENGTH = 60


class Passkey(models.Model):
    """One of a person's passkeys. `diagnosis.access.passkeys` writes it."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=NAME_LENGTH, help_text="As its owner calls it.")
    host = models.CharField(max_length=253, help_text="The site's host name when it was made: it works there alone.")
    credential_id = models.CharField(max_length=1364, unique=True, help_text="In base64url; 1023 bytes at most.")
    credential = models.BinaryField(help_text="Kind of authenticator, id and public key, as WebAuthn packs them.")
    user_handle = models.CharField(
        max_length=86, help_text="Random bytes in base64url, by which its owner is known to the authenticator."
    )
    sign_count = models.BigIntegerField(default=0, help_text="Of the last use; many passkeys always say 0.")
    last_challenge = models.CharField(
        max_length=86, blank=True, default="", help_text="That of the last use; no answer is taken twice."
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created", "pk")
        constraints = (
            models.UniqueConstraint(fields=("factor", "name"), name="passkey_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="passkey_has_name"),
            models.CheckConstraint(condition=Q(sign_count__gte=0), name="passkey_counts_up"),
        )

    def __str__(self) -> str:
        return f"Passkey {self.name} of {self.factor.user}"
