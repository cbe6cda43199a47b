"""The environment of the test suite, set before Django reads its settings.

Loaded by `-p tests.environment` (pyproject.toml), because settings are read at import. Services
to run the suite on are named by UCDASH_TEST_DATABASE_URL and UCDASH_TEST_BROKER_URL
(`make test-services`); without them it runs on SQLite and memory.
"""

import atexit
import base64
import os
import shutil
import tempfile
from pathlib import Path

pytest_plugins = ["tests.rig.fixtures"]

DATA_DIR = tempfile.mkdtemp(prefix="ucdash-tests-")
_OWNER = os.getpid()
(Path(DATA_DIR) / "static").mkdir()  # WhiteNoise warns where it is missing


@atexit.register
def _remove_data_dir() -> None:
    if os.getpid() == _OWNER:  # a forked child must leave its parent's folder alone
        shutil.rmtree(DATA_DIR, ignore_errors=True)


# Nothing of the machine's own installation reaches the tests, and each xdist worker, which
# inherits the environment of the first process, has its own folder.
for name in [name for name in os.environ if name.startswith(("UCDASH_", "AWS_"))]:
    if not name.startswith("UCDASH_TEST_"):
        del os.environ[name]
for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
    os.environ.pop(name, None)

os.environ |= {
    "UCDASH_ENV_FILE": "none",
    "UCDASH_DATA_DIR": DATA_DIR,
    "UCDASH_SECRET_KEY": "a secret key that only the tests use, long enough",
    "UCDASH_DATA_KEYS": "tests:" + base64.b64encode(b"t" * 32).decode(),
    "UCDASH_SIMPLE_OVER_HTTP": "loopback",
    "UCDASH_SEND_WAKE_UPS": "0",
    "UCDASH_ALLOWED_HOSTS": "testserver",
    # All clients of the tests have one address.
    "UCDASH_REST_PER_MINUTE_OF_ADDRESS": "0",
}
for name, variable in {
    "DATABASE_URL": "UCDASH_TEST_DATABASE_URL",
    "CELERY_BROKER_URL": "UCDASH_TEST_BROKER_URL",
}.items():
    if variable in os.environ:
        os.environ[name] = os.environ[variable]
