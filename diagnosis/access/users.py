"""User types for annotations: an account, and the sender of a request, who may be anonymous."""

from django.contrib.auth.models import AnonymousUser, User

AnyUser = User | AnonymousUser

__all__ = ["AnyUser", "User"]
