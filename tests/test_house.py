"""The rules of the house that a machine can check, each with a message that teaches."""

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import storages_app
from storages_app.lib.registry import Registry
from ucdash.env import read_env_file

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for folder in ("ucdash", "storages_app", "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
_READERS = {
    "data_keys",
    "text",
    "flag",
    "number",
    "listing",
    "networks",
    "ports",
    "choice",
    "url",
    "folder",
    "secret",
    "database",
    "factor",
}
_SECRET_NAME = re.compile(r"secret(?!_key|_path|_env|_access_key_id)|password|passwd|data_key")


def _registries() -> list[Registry[object]]:
    found: dict[str, Registry[object]] = {}
    for module in pkgutil.walk_packages(storages_app.__path__, "storages_app."):
        if ".migrations." in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Registry):
                found[value.package] = value
    return list(found.values())


def _names_read(path: Path) -> set[str]:
    """Environment variables that this source file asks for by name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = ast.unparse(node.func.value)
        reads = (owner == "env" and node.func.attr in _READERS) or (
            owner == "os.environ" and node.func.attr == "get"
        )
        first = node.args[0] if node.args else None
        if reads and isinstance(first, ast.Constant):
            names.add(str(first.value))
    return names


class TestFloors:
    def test_import_contracts_are_kept(self):
        done = subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, f"A floor uses one above it (STYLE §1):\n{done.stdout[-3000:]}"

    def test_every_folder_of_the_app_is_on_a_floor(self):
        layers = re.search(
            r"layers = \[(.*?)\n\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL
        )
        assert layers
        on_a_floor = set(re.findall(r"\w+", layers[1])) | {"migrations"}
        folders = {path.parent.name for path in (ROOT / "storages_app").glob("*/__init__.py")}
        assert not folders - on_a_floor, "Give the folder a floor in pyproject.toml: layers"


class TestRegistries:
    def test_each_module_registers_one_item_under_its_own_name_with_a_docstring(self):
        registries = _registries()
        assert registries
        for registry in registries:
            names = registry.module_names()
            assert set(registry.all()) == set(names), f"{registry.package}: one item a module"
            for name in names:
                module = importlib.import_module(f"{registry.package}.{name}")
                assert module.__doc__, f"{module.__name__} needs a docstring"


class TestSettings:
    def test_env_example_lists_exactly_what_is_read(self):
        read = set().union(*(_names_read(path) for path in (ROOT / "ucdash").glob("*.py")))
        read -= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # SeaweedFS's own names
        listed = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
        assert len(listed) == len(set(listed)), "A name is listed twice in .env.example"
        assert read == set(listed), "Settings are read in ucdash/ and listed in .env.example"

    def test_nothing_but_ucdash_reads_the_environment(self):
        readers = [
            path.relative_to(ROOT).as_posix()
            for path in sorted((ROOT / "storages_app").rglob("*.py"))
            if re.search(r"os\.environ|os\.getenv|from ucdash import env", path.read_text())
        ]
        assert readers == [
            "storages_app/imaging/pool.py",  # hands a few names on to the decoders
            "storages_app/lib/crashpoints.py",  # tests arm it
            # A script's secret comes by the name of a variable, so that it is in no process list.
            "storages_app/management/storage_options.py",
        ]

    def test_production_example_names_only_known_settings_and_passes_the_deployment_check(self):
        example = ROOT / "tests" / "production.env"
        listed = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
        assert set(read_env_file(example)) <= set(listed)
        clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            env=clean | {"UCDASH_ENV_FILE": str(example)},
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class TestSecrets:
    def test_no_secret_is_put_into_text(self):
        """A value that is named like a secret belongs into no f-string, so into no log."""
        shown = [
            f"{path.relative_to(ROOT)}: {{{ast.unparse(node.value)}}}"
            for path in SOURCES
            if "tests" not in path.parts
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FormattedValue)
            and _SECRET_NAME.search(re.split(r"\W+", ast.unparse(node.value).rstrip("()[]'"))[-1])
        ]
        # The first operator's password is said once, where it is made.
        assert shown == ["storages_app/management/commands/bootstrap.py: {password}"] * 2


class TestText:
    def test_sources_name_no_machine(self):
        """No path of a home folder, so that the product reads the same everywhere."""
        for path in SOURCES:
            assert not re.search(r"/(?:root|home/\w+)/", path.read_text()), path
