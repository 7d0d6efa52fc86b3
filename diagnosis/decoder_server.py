"""What the server process imports before it forks processes that decode files (`intake.decoder_pool`).

Outside `intake`, which cannot be imported before Django is set up.
"""

import django

django.setup()

from diagnosis.intake import decoder_child  # noqa: E402, F401
