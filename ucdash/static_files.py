"""Static files by their hashed names, and by their own names where nobody has collected them."""

import logging
from functools import cache

from django.contrib.staticfiles import finders
from whitenoise.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)

log = logging.getLogger(__name__)


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """A page without its colours still says what it has to say: the page of an error above all."""

    def url(self, name: str, force: bool = False) -> str:
        try:
            return str(super().url(name, force))
        except ValueError as error:
            # WhiteNoise asks for each file without the last part of its name, which may be a hash.
            if finders.find(name):
                _tell_once(str(error))
            return f"{self.base_url}{name}"


@cache
def _tell_once(what: str) -> None:
    log.warning("%s: run collectstatic", what)
