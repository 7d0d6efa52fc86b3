"""The password hasher."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.

    Django's default takes 100 MiB per login attempt, so eight strangers at once would take most of a gigabyte.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
