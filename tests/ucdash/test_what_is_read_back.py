"""S124: what others may have written is read as data, and never as a program."""

import ast
import pickle
from pathlib import Path

import pytest
from django.conf import settings
from kombu.exceptions import ContentDisallowed
from kombu.serialization import dumps, loads, prepare_accept_content

from ucdash.cache import JsonSerializer
from ucdash.celery import app

ROOT = Path(settings.BASE_DIR)
READERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle"}


class Attack:
    def __reduce__(self):
        return (pytest.fail, ("it was run",))


@pytest.mark.parametrize("kind", ["x-python-serialize", "x-yaml"])
def test_a_message_that_is_a_program_is_refused(kind):
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    accepted = prepare_accept_content(app.conf.accept_content)
    content = pickle.dumps(Attack()) if kind == "x-python-serialize" else "!!python/name:os.system"
    with pytest.raises(ContentDisallowed):
        loads(content, f"application/{kind}", "binary", accept=accepted)
    carried = dumps({"a": 1}, serializer="json")
    assert loads(carried[2], carried[0], carried[1], accept=accepted) == {"a": 1}


def test_a_program_in_the_shared_cache_is_no_value():
    with pytest.raises(ValueError):
        JsonSerializer().loads(pickle.dumps(Attack()))


def test_sessions_are_json():
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")


def test_no_line_of_the_product_reads_objects():
    found = []
    for folder in ("storages_app", "ucdash"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    names = (
                        [getattr(node, "module", "")] if isinstance(node, ast.ImportFrom) else []
                    )
                is_yaml = isinstance(node, ast.Attribute) and ast.unparse(node) == "yaml.load"
                if is_yaml or READERS & {str(name).partition(".")[0] for name in names}:
                    found.append(str(path))
    assert found == []
