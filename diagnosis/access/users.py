"""User types for annotations: an account, and whoever sends a request (who may be anonymous)."""

from django.contrib.auth.models import AnonymousUser, User

AnyUser = User | AnonymousUser

__all__ = ["AnyUser", "User"]
