"""The type of a logged-in person, for annotations: Django's user model as this project uses it."""

from django.contrib.auth.models import User as Person

__all__ = ["Person"]
