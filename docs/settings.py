"""The page of all settings, made of `.env.example`: `python -m docs.settings`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER / "configuring.md"
SOURCE = FOLDER.parent / ".env.example"
_SECTION = re.compile(r"# --- (.*?) -+")
_SETTING = re.compile(r"(#?)([A-Z][A-Z0-9_]+=.*)")
_HEAD = """\
# Configuring

Every setting of an installation. They are asked for in three places, and the first that has a name
wins: the environment of the process, the file `.env` beside `manage.py` (or the one that
`UCDASH_ENV_FILE` names), and `env` in the data folder, which `make run` writes with random keys. A
line is `NAME=value`. A value that cannot be right stops the start and says so.

`make run` needs none of these. For a machine of your own set the addresses, the two secrets, and
where things are kept; the rest has defaults that hold. `manage.py check --deploy` looks at what
came out.
"""


def page() -> str:
    lines = SOURCE.read_text().split("\n")
    first = next(number for number, line in enumerate(lines) if _SECTION.match(line))
    return _HEAD + "\n" + "\n".join(_body(lines[first:])).rstrip() + "\n"


def _body(lines: list[str]) -> Iterator[str]:
    words: list[str] = []
    settings: list[tuple[str, str]] = []
    for line in [*lines, ""]:
        setting, section = _SETTING.fullmatch(line), _SECTION.match(line)
        if settings and not setting:
            yield from _told(words, settings)
            words, settings = [], []
        if section:
            yield from (f"## {section[1]}", "")
        elif setting:
            settings.append((setting[1], setting[2]))
        elif line.startswith("# "):
            words.append(line[2:])


def _told(words: list[str], settings: list[tuple[str, str]]) -> Iterator[str]:
    """What is said of some settings, how a value is made, and the lines themselves."""
    commands = [word for word in words if word.startswith("python -c")]
    yield from (word for word in words if word not in commands)
    if len(words) > len(commands):
        yield ""
    for command in commands:
        yield from ("A value is made by", "", "```sh", command, "```", "")
    defaults = [line for mark, line in settings if mark]
    examples = [line for mark, line in settings if not mark]
    for title, found in (("To set, for example:", examples), ("Default:", defaults)):
        if found:
            yield from (title, "", "```ini", *found, "```", "")


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit(0)
