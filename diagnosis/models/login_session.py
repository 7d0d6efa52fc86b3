"""A person's sessions, so that they see where they are logged in and can end one."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class LoginSession(models.Model):
    """One login in one browser. `diagnosis.access.sessions` writes it; it goes with the session."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="login_sessions")
    session_key = models.CharField(max_length=40, unique=True, help_text="Of Django's session.")
    browser = models.CharField(max_length=200, blank=True, help_text="What the browser said of itself.")
    address = models.GenericIPAddressField(null=True, blank=True, help_text="From where it was last used.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(default=timezone.now, help_text="To within a minute.")

    class Meta:
        ordering = ("-last_used", "-id")

    def __str__(self) -> str:
        return f"Session of {self.user}"
