"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id at the cost that OWASP's Password Storage Cheat Sheet recommends: 19 MiB, two passes, one lane.

    Django's own takes 100 MiB a login. Anybody may try to log in, and eight at once would take most of a gigabyte.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
