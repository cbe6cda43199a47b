"""Is this instance set up: the lines of /setup/ and of the admin's start page."""

from argparse import ArgumentParser
from textwrap import indent
from typing import Any

from storages_app.management.base import ACTOR, Answer, OperatorCommand
from storages_app.oversight import instance


class Command(OperatorCommand):
    help = "Ask the instance what it lacks; each red line says what to do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_common(parser, self.look)
        parser.add_argument("--mail", metavar="ADDRESS", help="Send a test mail there first.")

    def look(self, options: dict[str, Any]) -> Answer:
        if options["mail"] and not options["only_looks"]:
            instance.send_test_mail(to=options["mail"], actor=ACTOR)
        lines = instance.check()
        is_ready = instance.is_ready(lines)
        said = "This instance is ready." if is_ready else "This instance is not ready."
        text = "\n".join([*map(_as_text, lines), said])
        data = {"ready": is_ready, "lines": [line.as_json() for line in lines]}
        return Answer(text, data, is_well=is_ready)


def _as_text(line: instance.Line) -> str:
    head = f"{line.state.value:16} {line.title}: {line.says}"
    if not line.is_red:
        return head
    return "\n".join([head, indent("\n".join(filter(None, [line.do, line.command])), " " * 17)])
