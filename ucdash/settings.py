"""Every setting of the installation, read here and nowhere else; `.env.example` lists them."""

import os
from datetime import timedelta
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from ucdash import env

BASE_DIR = env.BASE_DIR
DATA_DIR = env.folder("UCDASH_DATA_DIR", "var")

# --- Who answers where -------------------------------------------------------------------------

PORT = env.number("UCDASH_PORT", 8000, at_least=1)
FILES_PORT = env.number("UCDASH_FILES_PORT", 8001, at_least=1)
BIND = env.text("UCDASH_BIND", "127.0.0.1")
# Of 32 threads each; Python runs one of them at a time, so a process keeps one core busy.
WEB_PROCESSES = env.number("UCDASH_WEB_PROCESSES", min(5, (os.cpu_count() or 1) + 1), at_least=1)

DASHBOARD_URL = env.url("UCDASH_DASHBOARD_URL", f"http://localhost:{PORT}")
API_URL = env.url("UCDASH_API_URL", DASHBOARD_URL)
UPLOAD_URL = env.url("UCDASH_UPLOAD_URL", DASHBOARD_URL)
CDN_URL = env.url("UCDASH_CDN_URL", f"http://127.0.0.1:{FILES_PORT}")

BASE_URLS = [DASHBOARD_URL, API_URL, UPLOAD_URL, CDN_URL]
ALLOWED_HOSTS = sorted(
    {urlsplit(url).hostname or "" for url in BASE_URLS} | set(env.listing("UCDASH_ALLOWED_HOSTS"))
)
CSRF_TRUSTED_ORIGINS = [DASHBOARD_URL]
BEHIND_TLS = DASHBOARD_URL.startswith("https://")
BEHIND_PROXY = env.flag("UCDASH_BEHIND_PROXY", BEHIND_TLS)
# "loopback" lets Uploadcare.Simple pass over plain http from this machine only.
SIMPLE_AUTH_OVER_HTTP = env.choice("UCDASH_SIMPLE_OVER_HTTP", "never", {"never", "loopback"})
# From where the operators' pages can be opened; empty: from everywhere.
ADMIN_NETWORKS = env.networks("UCDASH_ADMIN_NETWORKS")
CLOCK_TOLERANCE = timedelta(minutes=15)

# --- Secrets -----------------------------------------------------------------------------------

SECRET_KEY = env.secret("UCDASH_SECRET_KEY", at_least=40)
# `id:base64(32 bytes)`, comma separated, newest first; older ones only open what they sealed.
DATA_KEYS = env.data_keys("UCDASH_DATA_KEYS")

# --- Django ------------------------------------------------------------------------------------

DEBUG = env.flag("UCDASH_DEBUG", False)

INSTALLED_APPS = [
    "storages_app.apps.StoragesConfig",
    "storages_app.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "ucdash.middleware.RequestIdMiddleware",
    "ucdash.middleware.HostsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "ucdash.middleware.ProgramsMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # which hides the length of what is secret in a page
    "csp.middleware.CSPMiddleware",
    "ucdash.middleware.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "storages_app.dashboard.sign_in_rules.SignInRulesMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "ucdash.urls"
FILES_URLCONF = "ucdash.urls_files"
WSGI_APPLICATION = "ucdash.wsgi.application"
ASGI_APPLICATION = "ucdash.asgi.application"
APPEND_SLASH = False  # official clients follow no redirect

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
                "csp.context_processors.nonce",
                "storages_app.dashboard.sign_in_rules.sign_in_context",
            ],
        },
    },
]

DATABASES = {
    "default": env.database(
        "DATABASE_URL",
        f"sqlite:///{DATA_DIR}/db.sqlite3",
        synchronous=env.choice("UCDASH_SQLITE_SYNCHRONOUS", "normal", {"normal", "full"}),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "storages_app.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "storages_app.projects.password_rules.NotAboutYou"},
    {
        "NAME": "storages_app.projects.password_rules.LongEnough",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "storages_app.projects.password_rules.NotCommon"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard:projects"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # members are added by an operator or an owner
ACCOUNT_ADAPTER = "storages_app.projects.accounts.InviteOnlyAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_FORMS = {
    "login": "storages_app.dashboard.forms.sign_in.SignInForm",
    "reauthenticate": "storages_app.dashboard.forms.sign_in.ConfirmForm",
    "change_password": "storages_app.dashboard.forms.sign_in.ChangePasswordForm",
    "set_password": "storages_app.dashboard.forms.sign_in.SetPasswordForm",
    "reset_password": "storages_app.dashboard.forms.sign_in.SendLinkForm",
    "reset_password_from_key": "storages_app.dashboard.forms.sign_in.NewPasswordForm",
}

ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(DASHBOARD_URL).scheme
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[ucdash] "
# Wrong passwords and codes are counted for all web processes together, by the adapter.
ACCOUNT_RATE_LIMITS = {"login_failed": None}
PASSWORD_RESET_TIMEOUT = 3600  # the page that says so reads it
MFA_ADAPTER = "storages_app.projects.accounts.FactorsAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # as above
MFA_TOTP_TOLERANCE = 1  # a code of 30 seconds may be typed a moment late
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "storages_app.dashboard.forms.account.CodeForm",
    "reauthenticate": "storages_app.dashboard.forms.account.ConfirmByCodeForm",
    "activate_totp": "storages_app.dashboard.forms.sign_in.ConnectAppForm",
    "edit_webauthn": "storages_app.dashboard.forms.sign_in.RenamePasskeyForm",
}
# Of people who come in: wrong passwords and codes in a quarter of an hour, before a lock.
WRONG_SIGN_INS = env.number("UCDASH_WRONG_SIGN_INS", 10, at_least=1)
OPERATORS_NEED_SECOND_FACTOR = env.flag("UCDASH_OPERATORS_NEED_SECOND_FACTOR", False)
# Whom strangers may ask for an invitation.
OPERATOR_EMAIL = env.text("UCDASH_OPERATOR_EMAIL")
SESSION_IDLE = timedelta(minutes=env.number("UCDASH_SESSION_IDLE_MINUTES", 720, at_least=1))
SESSION_LIVES = timedelta(hours=env.number("UCDASH_SESSION_HOURS", 336, at_least=1))
SESSION_COOKIE_AGE = int(SESSION_LIVES.total_seconds())
# How long a sign-in or a confirmation is enough for pages with secrets, storages and members.
CONFIRMED_FOR = timedelta(minutes=env.number("UCDASH_CONFIRMED_MINUTES", 15, at_least=1))
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(CONFIRMED_FOR.total_seconds())
CACHE_URL = env.text("UCDASH_CACHE_URL")
CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CACHE_URL,
            "KEY_PREFIX": "json",  # what an older release has pickled there is not read
            "OPTIONS": {"serializer": "ucdash.cache.JsonSerializer"},
        }
        if CACHE_URL
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},  # 300 would forget the counts of a busy minute
        }
    )
}

LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "ucdash.formats"
USE_TZ = True
TIME_ZONE = "UTC"

# Where mail goes: to an SMTP server, into the log, or as files into the data folder.
EMAIL_BY = env.choice("UCDASH_EMAIL_BY", "smtp", {"smtp", "console", "file"})
EMAIL_BACKEND = {
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
    "file": "django.core.mail.backends.filebased.EmailBackend",
}[EMAIL_BY]
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = env.text("UCDASH_EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("UCDASH_EMAIL_PORT", 25, at_least=1)
EMAIL_HOST_USER = env.text("UCDASH_EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("UCDASH_EMAIL_PASSWORD")
_EMAIL_TLS = env.choice("UCDASH_EMAIL_TLS", "none", {"none", "starttls", "tls"})
EMAIL_USE_TLS, EMAIL_USE_SSL = _EMAIL_TLS == "starttls", _EMAIL_TLS == "tls"
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.text("UCDASH_EMAIL_FROM", "ucdash@localhost")

# --- Where bytes are ---------------------------------------------------------------------------

UPLOADS_BUCKET = env.text("UCDASH_UPLOADS_S3_BUCKET")
STORAGES = {
    "uploads": (
        {
            "BACKEND": "storages_app.uploads.s3_storage.RangedS3Storage",
            "OPTIONS": {
                "bucket_name": UPLOADS_BUCKET,
                "endpoint_url": env.text("UCDASH_UPLOADS_S3_ENDPOINT") or None,
                "region_name": env.text("UCDASH_UPLOADS_S3_REGION") or None,
                "access_key": env.text("UCDASH_UPLOADS_S3_ACCESS_KEY_ID") or None,
                "secret_key": env.text("UCDASH_UPLOADS_S3_SECRET_ACCESS_KEY") or None,
                "default_acl": None,
                "file_overwrite": True,
                "signature_version": "s3v4",  # the older one binds no length to an address
            },
        }
        if UPLOADS_BUCKET
        else {
            "BACKEND": "storages_app.uploads.local_storage.DurableFileSystemStorage",
            "OPTIONS": {"location": DATA_DIR / "uploads"},
        }
    ),
    "staticfiles": {
        "BACKEND": "ucdash.static_files.StaticFiles",
    },
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "media"},
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = env.folder("UCDASH_STATIC_ROOT", str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]

FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# A group of 1,000 files is a form of as many fields, besides those that every form has.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_050
MAX_DIRECT_UPLOAD = env.number("UCDASH_MAX_DIRECT_UPLOAD", 104_857_600, at_least=1)
UNSTORED_FILES_LIVE = timedelta(hours=env.number("UCDASH_UNSTORED_HOURS", 24, at_least=1))
UPLOAD_SESSIONS_LIVE = timedelta(hours=24)
# Larger multipart uploads are put together by a worker; the request does not wait.
COMPLETE_IN_REQUEST = env.number("UCDASH_COMPLETE_IN_REQUEST_MB", 512, at_least=0) * 1_048_576
# How far in the future the end of an upload's signature may be.
SIGNED_UPLOADS_LIVE = timedelta(hours=env.number("UCDASH_SIGNED_UPLOADS_MAX_HOURS", 24, at_least=1))
# Requests to the Upload API; 0 is no limit.
UPLOADS_PER_MINUTE_OF_ADDRESS = env.number("UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS", 6_000)
UPLOADS_PER_MINUTE_OF_PROJECT = env.number("UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT", 30_000)
# Requests to the REST API, our own additions included; 0 is no limit. A wrong key counts as 20.
REST_PER_MINUTE_OF_ADDRESS = env.number("UCDASH_REST_PER_MINUTE_OF_ADDRESS", 12_000)
REST_PER_MINUTE_OF_KEY = env.number("UCDASH_REST_PER_MINUTE_OF_KEY", 12_000)
RENDITION_CACHE_DIR = DATA_DIR / "renditions"
RENDITION_CACHE_BYTES = env.number("UCDASH_RENDITION_CACHE_MB", 2_000, at_least=1) * 1_000_000

# Who sends the bytes: this process, or the server in front of it, which knows the folders.
FILES_SENT_BY = env.choice("UCDASH_FILES_SENT_BY", "python", {"python", "x-accel", "x-sendfile"})
# How long browsers and proxies may keep what everybody may see; a deleted file is in them so long.
FILES_KEPT_BY_CACHES_S = env.number("UCDASH_FILES_KEPT_BY_CACHES_S", 31_536_000)

# --- Work --------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "filesystem://localhost")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object]
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT = "ucdash.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(DATA_DIR / "broker"),
        "data_folder_out": str(DATA_DIR / "broker"),
        "control_folder": str(DATA_DIR / "broker-control"),
        "polling_interval": 0.1,  # the default of 1 s gives 4.6 s from call to start
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_connect_timeout": 2}
# Messages are hints, the ledger in the database is the queue: docs/ledger.md
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.number("UCDASH_WORKER_PROCESSES", 2, at_least=1)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False  # the poller finds what was not woken
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_TIMEZONE = "UTC"

SEND_WAKE_UPS = env.flag("UCDASH_SEND_WAKE_UPS", True)
POLL_EVERY_S = env.number("UCDASH_POLL_S", 5, at_least=1)
HEARTBEAT_EVERY_S = 10
LEASE = timedelta(seconds=env.number("UCDASH_LEASE_S", 30, at_least=1))
# Shortens backoff, giving up and the trials of broken storages, where a test waits for them.
TIME_SCALE = env.factor("UCDASH_TIME_SCALE", 1)
# A multipart upload that nobody goes on with is removed from a bucket when it is so old.
ORPHAN_GRACE = timedelta(seconds=env.number("UCDASH_ORPHAN_GRACE_S", 3600, at_least=1))
COPY_THREADS = env.number("UCDASH_COPY_THREADS", 32, at_least=1)
STORAGE_CONCURRENCY = env.number("UCDASH_STORAGE_CONCURRENCY", 128, at_least=1)
REMOTE_COPY_WAIT_S = env.number("UCDASH_REMOTE_COPY_WAIT_S", 20, at_least=1)
REMOTE_COPY_WAITERS = 8  # of a web process's 32 threads
# What one project may have REST copy; 0 is no limit.
REMOTE_COPIES_PER_HOUR = env.number("UCDASH_REMOTE_COPIES_PER_HOUR", 100_000, at_least=0)
REMOTE_COPY_BYTES_PER_DAY = env.number("UCDASH_REMOTE_COPY_GB_PER_DAY", 10_000, at_least=0) * 10**9
MULTIPART_THRESHOLD = env.number("UCDASH_MULTIPART_THRESHOLD", 16 * 1024 * 1024, at_least=1)
MULTIPART_PART_SIZE = env.number("UCDASH_MULTIPART_PART_SIZE", 8 * 1024 * 1024, at_least=1)

for _folder in (
    FILE_UPLOAD_TEMP_DIR,
    RENDITION_CACHE_DIR,
    DATA_DIR / "broker",
    DATA_DIR / "broker-control",
):
    _folder.mkdir(parents=True, exist_ok=True, mode=0o700)

# --- Going out ---------------------------------------------------------------------------------

# host:port pairs that customers' addresses may name although they are private (a MinIO inside).
ALLOWED_PRIVATE_HOSTS = env.listing("UCDASH_ALLOWED_PRIVATE_HOSTS")
# Files from the web (`/from_url/`): where from, how many at once, and what one of them may cost.
FETCH_PORTS = env.ports("UCDASH_FROM_URL_PORTS", "80,443")
FETCH_THREADS = env.number("UCDASH_FROM_URL_THREADS", 8, at_least=1)  # in each worker process
FETCHES_OF_A_PROJECT = env.number("UCDASH_FROM_URL_PER_PROJECT", 4, at_least=1)
FETCHES_WAITING = env.number("UCDASH_FROM_URL_WAITING", 1_000, at_least=1)  # of a project
FETCH_MAX_BYTES = env.number("UCDASH_FROM_URL_MAX_MB", 5_120, at_least=1) * 1024 * 1024
FETCH_WHOLE_S = env.number("UCDASH_FROM_URL_TIME_S", 900, at_least=1)
FETCH_IDLE_S = env.number("UCDASH_FROM_URL_IDLE_S", 30, at_least=1)
# How many custom storages a project may have, drafts too.
STORAGES_OF_A_PROJECT = env.number("UCDASH_STORAGES_PER_PROJECT", 200, at_least=1)
# Webhooks: how many a project may have (0: none), how many requests a worker process has under way
# (one receiver gets half of them at most), and how long a receiver may take to answer.
WEBHOOKS_OF_A_PROJECT = env.number("UCDASH_WEBHOOKS_PER_PROJECT", 20, at_least=0)
WEBHOOK_THREADS = env.number("UCDASH_WEBHOOK_THREADS", 16, at_least=1)
WEBHOOK_ANSWER_S = env.number("UCDASH_WEBHOOK_TIME_S", 10, at_least=1)
# Notifications: how many channels a project may have.
CHANNELS_OF_A_PROJECT = env.number("UCDASH_CHANNELS_PER_PROJECT", 20, at_least=1)
# The demo bucket of `make run`, which writes its keys; without them there is none.
DEMO_S3_PORT = env.number("UCDASH_DEMO_S3_PORT", 8333, at_least=1)
DEMO_S3_ACCESS_KEY_ID = env.text("UCDASH_DEMO_S3_ACCESS_KEY_ID")
DEMO_S3_SECRET_ACCESS_KEY = env.text("UCDASH_DEMO_S3_SECRET_ACCESS_KEY")
if DEMO_S3_ACCESS_KEY_ID:
    ALLOWED_PRIVATE_HOSTS += [f"127.0.0.1:{DEMO_S3_PORT}", f"localhost:{DEMO_S3_PORT}"]
# The address that customers' firewalls see; the connection test names it.
EGRESS_IP = env.text("UCDASH_EGRESS_IP")
# The AWS identity of this installation: it assumes the roles of customers, and their bucket
# policies name it. Without it neither is offered. `{region}` is filled in in the addresses.
AWS_PRINCIPAL_ARN = env.text("UCDASH_AWS_PRINCIPAL_ARN")
AWS_ACCESS_KEY_ID = env.text("UCDASH_AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = env.text("UCDASH_AWS_SECRET_ACCESS_KEY")
AWS_S3_URL = env.text("UCDASH_AWS_S3_URL")
AWS_STS_URL = env.text("UCDASH_AWS_STS_URL")

# --- Security headers --------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "storages_app.dashboard.views.errors.form_refused"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_NAME = "__Host-ucdash_session" if BEHIND_TLS else "ucdash_session"
CSRF_COOKIE_NAME = "__Host-ucdash_csrf" if BEHIND_TLS else "ucdash_csrf"
SECURE_SSL_REDIRECT = False  # the proxy does it; official clients follow no redirect
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # as above
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", CDN_URL],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- REST --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ucdash",
    "DESCRIPTION": "Uploads, files and copies to your own S3 buckets.",
    "VERSION": "0.7",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "storages_app.api.refusal_schema.add_refusals",
        "storages_app.api.areas.name_areas",
    ],
    "GET_LIB_DOC_EXCLUDES": "storages_app.api.schema.bases_that_describe_nothing",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Fields of one name and other choices would be called by a hash of them.
    "ENUM_NAME_OVERRIDES": {
        "OnClashEnum": "storages_app.models.custom_storages.CustomStorage.OnClash",
        "BulkJobStateEnum": "storages_app.models.bulk_jobs.BulkJob.State",
        "BackupRunStateEnum": "storages_app.models.backups.BackupRun.State",
        "RestoreStateEnum": "storages_app.models.restores.RestoreRun.State",
    },
}

# --- Monitoring --------------------------------------------------------------------------------

# Who sends it may read /metrics; without one only this machine may.
METRICS_TOKEN = env.text("UCDASH_METRICS_TOKEN")

# --- Logs --------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "ucdash.logs.RedactSecrets"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["redact"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("UCDASH_LOG_LEVEL", "INFO")},
    "loggers": {
        "botocore": {"level": "WARNING"},
        "boto3": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # a wrong address is not our incident
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # nor is a forged Host
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "ucdash.logs.SecretsFilter"
