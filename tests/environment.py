"""The environment of the test suite, set before Django reads its settings.

Loaded by `-p tests.environment` (pyproject.toml), because settings are read at import.
"""

import base64
import os
import tempfile

DATA_DIR = tempfile.mkdtemp(prefix="ucdash-tests-")

os.environ["UCDASH_ENV_FILE"] = "none"
for name, value in {
    "UCDASH_DATA_DIR": DATA_DIR,
    "UCDASH_SECRET_KEY": "a secret key that only the tests use, long enough",
    "UCDASH_DATA_KEYS": "tests:" + base64.b64encode(b"t" * 32).decode(),
    "UCDASH_SIMPLE_OVER_HTTP": "loopback",
    "UCDASH_SEND_WAKE_UPS": "0",
    "UCDASH_ALLOWED_HOSTS": "testserver",
}.items():
    os.environ.setdefault(name, value)
