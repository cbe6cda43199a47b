"""Static files by their hashed names, and by their own names where nobody has collected them."""

import logging

from whitenoise.storage import CompressedManifestStaticFilesStorage

log = logging.getLogger(__name__)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """A page without its colours still says what it has to say: the page of an error above all."""

    def url(self, name: str | None, force: bool = False) -> str:
        try:
            return str(super().url(name, force))
        except ValueError as error:
            log.warning("%s: run collectstatic", error)
            return f"{self.base_url}{name}"
