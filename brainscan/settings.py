"""All settings, read from the environment only. docs/configuration.md lists the variables; a test keeps both in step.

The defaults make a site that runs on one machine with nothing else installed: SQLite, an embedded Valkey (started by
`run_site`), files in DATA_DIR, the shipped model.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from brainscan import config, oidc_config
from brainscan.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
ADMIN_PATH = config.admin_path(env.str("ADMIN_PATH", default="admin"))
SECRET_KEY = config.secret_key(env.str("SECRET_KEY", default=""), data_dir=DATA_DIR)
# Earlier keys: what they signed stays valid, until they are taken out of this list.
SECRET_KEY_FALLBACKS = config.secret_key_fallbacks(env.list("SECRET_KEY_FALLBACKS", default=[]), data_dir=DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# On by default. Only `make run` on loopback turns it off: without TLS, secure cookies would lock everybody out.
HTTPS = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = config.cookie_name("sessionid", https=HTTPS)
CSRF_COOKIE_NAME = config.cookie_name("csrftoken", https=HTTPS)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# Proxies in front of the site, each of which adds the address it was called from to X-Forwarded-For.
PROXIES = config.at_least("PROXIES", env.int("PROXIES", default=1 if HTTPS else 0), least=0)
# The API is refused instead (brainscan.middleware.TlsOnly), or a script would go on sending its token in clear.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^api/(?!docs/)", r"^dicomweb/"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no third cookie

INSTALLED_APPS = [
    "brainscan.apps.ProjectConfig",
    "diagnosis.apps.DiagnosisConfig",
    "brainscan.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "rest_framework",
]

MIDDLEWARE = [
    "brainscan.metrics.RequestTimes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "brainscan.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "brainscan.middleware.LoginRequired",
    "brainscan.middleware.RequestLog",
    "brainscan.middleware.SecurityHeaders",
    "brainscan.middleware.AuditAccess",
    "brainscan.middleware.TlsOnly",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "brainscan.middleware.Sessions",
    "brainscan.middleware.LoginSteps",
]

CSRF_FAILURE_VIEW = "brainscan.errors.csrf_failure"
ROOT_URLCONF = "brainscan.urls"
WSGI_APPLICATION = "brainscan.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "diagnosis.presentation.context_processors.site",
            ],
        },
    }
]

DATABASES = {"default": config.database(env, data_dir=DATA_DIR)}

REDIS_URL = env.str("REDIS_URL", default=f"unix://{DATA_DIR / 'valkey' / 'valkey.sock'}")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

STORAGES = {
    "default": config.storage(env.str("STORAGE_URL", default=""), data_dir=DATA_DIR),
    "staticfiles": {"BACKEND": "brainscan.static_storage.StaticFilesStorage"},
}
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG

# Uploads. The limit is per file; a request may contain many.
MAX_UPLOAD_MB = env.int("MAX_UPLOAD_MB", default=25)
if MAX_UPLOAD_MB < 1:
    raise ImproperlyConfigured("MAX_UPLOAD_MB must be at least 1 (megabytes for one uploaded file).")
# Files are decoded in processes of their own, each with a limit for a file. 0: in the web process, without limits.
DECODE_PROCESSES = config.at_least("DECODE_PROCESSES", env.int("DECODE_PROCESSES", default=3), least=0)
DECODE_SECONDS = config.at_least("DECODE_SECONDS", env.int("DECODE_SECONDS", default=30), least=1)
DECODE_MB = config.at_least("DECODE_MB", env.int("DECODE_MB", default=3000), least=256)
MAX_ARCHIVE_MB = env.int("MAX_ARCHIVE_MB", default=250)
if MAX_ARCHIVE_MB < MAX_UPLOAD_MB:
    raise ImproperlyConfigured("MAX_ARCHIVE_MB must be at least MAX_UPLOAD_MB (megabytes of a file of many slices).")
# Megabytes that uploads leave free on the disk, for database, queue and logs.
MIN_FREE_MB = config.at_least("MIN_FREE_MB", env.int("MIN_FREE_MB", default=512), least=16)
# Megabytes of originals that a person, and one upload, may store; 0 for no limit. The admin sets it for single people.
USER_QUOTA_MB = config.at_least("USER_QUOTA_MB", env.int("USER_QUOTA_MB", default=0), least=0)
REQUEST_QUOTA_MB = config.at_least("REQUEST_QUOTA_MB", env.int("REQUEST_QUOTA_MB", default=0), least=0)
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
# How many of the web server's threads may handle uploads at once. The others serve pages.
UPLOADS_AT_ONCE = max(1, env.int("WEB_THREADS", default=32) * 3 // 4)

# De-identification. Whoever knows this secret can link the site's UIDs to the hospital's.
DEID_SECRET = config.deid_secret(env.str("DEID_SECRET", default=""), secret_key=SECRET_KEY, data_dir=DATA_DIR)
CASE_BY_PATIENT = env.bool("CASE_BY_PATIENT", default=False)
FILE_UPLOAD_HANDLERS = [
    "diagnosis.intake.upload_handler.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

AUTHENTICATION_BACKENDS = ["diagnosis.access.backends.UserBackend"]
PASSWORD_HASHERS = [
    "brainscan.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
] + [
    {"NAME": "diagnosis.access.password_rules.SiteWordsValidator"},
    {"NAME": "diagnosis.access.password_rules.BreachedPasswordValidator"},
    {"NAME": "diagnosis.access.password_rules.PasswordHistoryValidator"},
    {"NAME": "diagnosis.access.token_revocation.TokenRevocationValidator"},
]
# Passwords known from breaches: a file of hashes, and a service that is given five characters of a hash.
BREACHED_PASSWORDS_FILE = env.str("BREACHED_PASSWORDS_FILE", default="")
BREACHED_PASSWORDS_URL = config.breached_passwords_url(env.str("BREACHED_PASSWORDS_URL", default=""))
# How many of a person's last passwords are refused, and the words of the place that are no password.
PASSWORD_HISTORY = config.at_least("PASSWORD_HISTORY", env.int("PASSWORD_HISTORY", default=5), least=0)
PASSWORD_WORDS = [word.strip().casefold() for word in env.list("PASSWORD_WORDS", default=[])]
# Reading, where no group of the reader has a policy of its own.
# What a positive or negative result means here depends on how many of the site's scans show a tumor.
PREVALENCE = config.prevalence(env.float("PREVALENCE") if env.str("PREVALENCE", default="") else None)
READING_MODE = config.reading_mode(env.str("READING_MODE", default="open"))
READINGS_REQUIRED = config.readings_required(env.int("READINGS_REQUIRED", default=1))
REPORT_FONT = config.report_font(env.str("REPORT_FONT", default=""))

# How long things are kept, in days. Zero: for ever (RETENTION_DAYS), or no longer than their scan (SIGNED_REVIEW_DAYS).
TRASH_DAYS = config.days("TRASH_DAYS", env.int("TRASH_DAYS", default=30), least=1)
RETENTION_DAYS = config.days("RETENTION_DAYS", env.int("RETENTION_DAYS", default=0))
SIGNED_REVIEW_DAYS = config.days("SIGNED_REVIEW_DAYS", env.int("SIGNED_REVIEW_DAYS", default=0))

# How long a typed password counts before rights and accounts are changed.
REAUTHENTICATION_MINUTES = config.minutes("REAUTHENTICATION_MINUTES", env.int("REAUTHENTICATION_MINUTES", default=15))

# Who needs a second factor: nobody, people who may open the admin, or everybody. Without TLS it is left to each person.
SECOND_FACTOR = config.second_factor(env.str("SECOND_FACTOR", default="staff" if HTTPS else "optional"))

# Minutes without a click after which a session ends; 0: it lasts as long as its cookie.
IDLE_MINUTES = config.at_least("IDLE_MINUTES", env.int("IDLE_MINUTES", default=120), least=0)

# Single sign-on by OpenID Connect; None: there is none.
OIDC = oidc_config.read(env)

# Sessions that one person may have at once; a further login ends the one unused for longest. 0: any number.
SESSIONS_PER_PERSON = config.at_least("SESSIONS_PER_PERSON", env.int("SESSIONS_PER_PERSON", default=20), least=0)

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "history"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = False
USE_TZ = True

# The model and the worker.
ML_ENGINE = config.engine(env.str("ML_ENGINE", default="auto"))
ML_MODEL = env.str("ML_MODEL", default="")
WORKERS = config.at_least("WORKERS", env.int("WORKERS", default=1), least=1)
TASK_TIME_LIMIT = config.at_least("TASK_TIME_LIMIT", env.int("TASK_TIME_LIMIT", default=60), least=1)
TASK_MAX_ATTEMPTS = 3

CELERY_BROKER_URL = config.broker_url(REDIS_URL)
CELERY_DB_REUSE_MAX = 10_000  # tasks; Celery would close the database after each. `inference.worker` looks after it
CELERY_TASK_IGNORE_RESULT = True  # results are kept in the database only
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = WORKERS
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 120  # seconds; a child process loads the model before it reports that it is alive
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = TASK_TIME_LIMIT
CELERY_TASK_SOFT_TIME_LIMIT = TASK_TIME_LIMIT * 0.9
# Longer than the hard limit, so that Redis never redelivers a message whose task may still run.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": TASK_TIME_LIMIT * 1.1}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A separate queue: workers take from both in turn, so a long queue of scans never delays the sweep.
CELERY_TASK_ROUTES = {"diagnosis.sweep_*": {"queue": "sweep"}, "diagnosis.empty_trash": {"queue": "sweep"}}
CELERY_BEAT_SCHEDULE = {
    "sweep-stale": {"task": "diagnosis.sweep_stale", "schedule": 15.0, "options": {"expires": 15.0}},
    "sweep-audit": {"task": "diagnosis.sweep_audit", "schedule": 10.0, "options": {"expires": 10.0}},
    "sweep-uploads": {"task": "diagnosis.sweep_uploads", "schedule": 300.0, "options": {"expires": 300.0}},
    "empty-trash": {"task": "diagnosis.empty_trash", "schedule": 3600.0, "options": {"expires": 3600.0}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "diagnosis.api.authentication.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "diagnosis.api.authentication.WithinScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "diagnosis.api.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "diagnosis.api.problems.handle",
    "DEFAULT_THROTTLE_CLASSES": ["diagnosis.api.throttling.UserThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": config.api_rate(env.str("API_RATE", default="1200/min"))},
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "diagnosis.models.prediction.State",
        "ReviewStateEnum": "diagnosis.models.review.ReviewState",
        "ReadingEnum": "diagnosis.models.scan.Reading",
    },
    "TITLE": "brainscan",
    "DESCRIPTION": "Research use: decision support, not a diagnosis.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "TAGS": [  # in the order in which a script needs them; the page at /api/docs/ shows them like this
        {"name": "scans", "description": "Upload images, and get their files and previews."},
        {"name": "predictions", "description": "Results: wait for them, read them, export them."},
        {"name": "reviews", "description": "Readings by people: record, sign, amend."},
        {"name": "cases", "description": "What scans are kept in, one case for each subject."},
        {"name": "assignments", "description": "Who is asked to read a case."},
        {"name": "views", "description": "Your saved views of the worklist."},
        {"name": "tokens", "description": "Your API tokens."},
        {"name": "models", "description": "The registered model versions."},
        {"name": "audit", "description": "Who did what, for staff with the permission to view it."},
        {"name": "pull", "description": "Fetch studies from the archive."},
    ],
}

# DICOM networking. The listener is a process of its own, started if a port is set.
DICOM_AE_TITLE = config.ae_title(env.str("DICOM_AE_TITLE", default="BRAINSCAN"))
DICOM_PORT = config.dicom_port(env.int("DICOM_PORT", default=0))
DICOM_BIND = env.str("DICOM_BIND", default="127.0.0.1")
DICOM_ALLOWED_AES = env.list("DICOM_ALLOWED_AES", default=[])
DICOM_USER = env.str("DICOM_USER", default="")
DICOMWEB_URL = config.dicomweb_url(env.str("DICOMWEB_URL", default=""))
DICOMWEB_TOKEN = env.str("DICOMWEB_TOKEN", default="")

LOGGING = config.logging(level=env.str("LOG_LEVEL", default="INFO"), form=env.str("LOG_FORMAT", default="logfmt"))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
OTEL_EXPORTER_OTLP_ENDPOINT = config.traces(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="brainscan")
DJANGO_STRUCTLOG_CELERY_ENABLED = True

SILENCED_SYSTEM_CHECKS = ["models.W040"]
"""SQLite leaves out what an index only carries along, and needs it less."""
