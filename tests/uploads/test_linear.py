"""S096: text of an attacker is read in linear time, however it is made."""

import time
from contextlib import suppress

import pytest

from storages_app.lib.filenames import base_name, sanitise
from storages_app.projects.errors import BadMediaType
from storages_app.projects.services import parse_accepted_types
from storages_app.uploads.errors import MetadataRefused
from storages_app.uploads.sniffing import sniff
from storages_app.uploads.validation import check_metadata, declared_type

LENGTH = 50_000


def metadata_of(text):
    for pair in ((text[:64], "value"), ("key", text[:512]), (text, text)):
        with suppress(MetadataRefused):
            check_metadata([pair])


def accepted_types_of(text):
    with suppress(BadMediaType):
        parse_accepted_types(text)


READERS = {
    "sniffing": lambda text: sniff(text.encode(errors="replace")),
    "sniffing latin-1": lambda text: sniff(b"\xe4" + text.encode("latin-1", errors="replace")),
    "name": base_name,
    "safe name": sanitise,
    "metadata": metadata_of,
    "declared type": declared_type,
    "accepted types": accepted_types_of,
}
ATTACKS = {
    "one letter": "a",
    "blanks": " ",
    "blank lines": " \n",
    "dots": ".",
    "slashes": "/",
    "comments that never end": "<!--",
    "comments that end": "<!---->",
    "declarations": "<?xml ?>",
    "tags": "<a",
    "names with colons": "<a:",
    "headers": "a:\n",
    "headers that go on": "a: b\n\t",
    "almost mime": "mime-version",
    "bidi": "\u202e",
    "type": "a/",
    "stars": "*/*,",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("reader", READERS)
def test_fifty_thousand_characters_are_read_at_once(reader, attack):
    text = (ATTACKS[attack] * LENGTH)[:LENGTH]
    began = time.process_time()
    READERS[reader](text + "!")
    # Quadratic reading of so much takes tens of seconds.
    assert time.process_time() - began < 1
