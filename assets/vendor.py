# ruff: noqa: INP001 - a script, not a package
"""Make the vendored files under static/ anew, as vendor.toml describes them.

Needs npm: `python assets/vendor.py` checks every hash and stops at the first that differs;
`python assets/vendor.py --write-hashes` is for whoever raises a version and has looked.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "assets" / "vendor.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-hashes", action="store_true")
    write_hashes = parser.parse_args().write_hashes
    wanted = tomllib.loads(LIST.read_text())
    made = {}
    for package in wanted["package"]:
        folder = ROOT / package["into"]
        for path, content in unpack(package, list(package["files"])).items():
            made[folder / Path(path).name] = (content, package["files"][path], path)
    sprite = wanted["sprite"]
    made[ROOT / sprite["into"]] = (make_sprite(sprite), sprite["sha256"], "sha256")
    for target, (content, expected, label) in made.items():
        found = hashlib.sha256(content).hexdigest()
        if write_hashes:
            note_hash(label, found)
        elif found != expected:
            sys.exit(f"{target.name}: sha256 is {found}, {LIST.name} says {expected}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def unpack(package: dict[str, str], paths: list[str]) -> dict[str, bytes]:
    """These files of one npm package, without installing it or running anything of it."""
    with tempfile.TemporaryDirectory() as folder:
        spec = f"{package['name']}@{package['version']}"
        subprocess.run(  # noqa: S603 - the argument comes from our own list
            ["npm", "pack", "--silent", spec],  # noqa: S607
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            return {path: read(tar, path) for path in paths}


def read(tar: tarfile.TarFile, path: str) -> bytes:
    member = tar.extractfile(f"package/{path}")
    if member is None:
        sys.exit(f"{path} is not a file in the package")
    return member.read()


def make_sprite(sprite: dict[str, object]) -> bytes:
    """One SVG with a symbol for each icon; colour and stroke are left to our stylesheet."""
    names = [str(name) for name in sprite["icons"]]  # type: ignore[attr-defined]
    paths = [f"icons/{name}.svg" for name in names]
    package = {"name": str(sprite["name"]), "version": str(sprite["version"])}
    symbols = [
        f'<symbol id="{name}" viewBox="0 0 24 24">{inner(content.decode())}</symbol>'
        for name, content in zip(names, unpack(package, paths).values(), strict=True)
    ]
    notice = f"<!-- {package['name']} {package['version']}, {sprite['licence']} licence -->"
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg">{notice}', *symbols, "</svg>", ""]
    ).encode()


def inner(svg: str) -> str:
    match = re.search(r"<svg[^>]*>(.*)</svg>", svg, flags=re.DOTALL)
    if not match:
        sys.exit("an icon is not an SVG")
    return re.sub(r"\s*\n\s*", "", match[1])


def note_hash(label: str, found: str) -> None:
    """Put a hash into the list, in the line of its file."""
    line = f'"{label}"' if label != "sha256" else label
    text = LIST.read_text()
    LIST.write_text(re.sub(rf'(?m)^{re.escape(line)} = ".*"$', f'{line} = "{found}"', text))


if __name__ == "__main__":
    main()
