"""Write docs/operations/ from the registry: `python -m docs.operations`.

A page for each image operation, with its example carried out on a real picture, and an index. What
the examples gave is committed: a test renders each again and compares, so the pictures are the
golden pictures too. `python -m docs.operations crop blur` makes only those anew; with `--scenes`
the pictures that the examples begin with are drawn first.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from inspect import cleandoc
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from docs import scenes
from storages_app.imaging import effects, pipeline
from storages_app.imaging.looks import LOOKS
from storages_app.imaging.registry import Operation, all_operations

FOLDER = Path(__file__).parent / "operations"
PICTURES = FOLDER / "pictures"
_SCENE = "lake.jpg"
_SCENES = {  # where the lake would not show it
    "autorotate": "held-upright.jpg",
    "max_icc_size": "wide-gamut.jpg",
    "rasterize": "drawing.svg",
    "srgb": "wide-gamut.jpg",
    "strip_meta": "held-upright.jpg",
    "trim": "on-paper.jpg",
}
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/avif": "avif"}
_SAYS_NOTHING = {  # in place of a picture
    "inline": "The bytes stay the same, so there is nothing to see.",
    "@clib": "The picture stays the same, so there is nothing to see.",
}
_HAS_LOOKS = "filter"
EVERY_LOOK = PICTURES / "every-look.jpg"
_QUESTIONS = FOLDER / "questions.md"
_COLOURS = PICTURES / "main-colours.png"
_N_COLOURS = 4
_HEAD = """\
# Image operations

Each takes its place in the address of a picture, `/<uuid>/-/resize/200x/-/format/webp/`, and they
are carried out in that order. [Addresses of the file host](../url-api.md) tells what holds for all.
"""
_ASK = """\
[`json`, `jsonp` and `main_colors`](questions.md) ask what a picture is, instead of the picture.
"""
_QUESTIONS_TEXT = """\
# `json`, `jsonp`, `main_colors`

They ask what a picture is, instead of the picture. Each is the last operation of an address. After
others, `id` has those too, sizes and colours are those of the processed image, and what was stored
is in `original`.

{picture}

## `json`

```
/<uuid>/-/json/
```

```json
{facts}
```

`hash` is a perceptual one: pictures that look alike have few different bits.

## `jsonp`

```
/<uuid>/-/jsonp/
```

The same as a script that calls `uploadcare_callback(id, {{…}})`; its name cannot be chosen.

## `main_colors`

**Parameters:** how many, 1 to 32; 4 if it is left out.

```
/<uuid>/-/main_colors/{n_colours}/
```

{swatches}

```
"main_colors": {colours}
```

Red, green and blue, the most frequent first. A picture of fewer colours gives fewer.

[All operations](README.md)
"""
_TAIL = """\
The pictures are made by the product itself (`python -m docs.operations`). A test carries out each
example again and compares what comes out with the picture here.
"""


@dataclass(frozen=True)
class Example:
    """One operation at work: what it begins with, and what comes of it."""

    kind: type[Operation]

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def page(self) -> Path:
        return FOLDER / f"{self.name.removeprefix('@')}.md"

    @property
    def source(self) -> Path:
        return PICTURES / _SCENES.get(self.name, _SCENE)

    @property
    def has_picture(self) -> bool:
        return self.name not in _SAYS_NOTHING

    @property
    def result(self) -> Path:
        """The committed picture; it has to be there."""
        if found := list(PICTURES.glob(f"{self.name}.*")):
            return found[0]
        raise FileNotFoundError(f"{self.name} has no picture: run `python -m docs.operations`")

    def render(self, folder: Path, text: str | None = None) -> Path:
        """Carry the example out, or another text, as the file host does."""
        made = pipeline.render(
            self.source, effects.parse(self.kind.example if text is None else text), folder
        )
        path = made.path.with_name(f"{self.name}.{_EXTENSIONS[made.content_type]}")
        return made.path.rename(path)


def examples() -> list[Example]:
    return [Example(kind) for _name, kind in sorted(all_operations().items())]


def pages() -> dict[Path, str]:
    """Every page as it ought to be, from the registry and the committed pictures."""
    of_operations = {each.page: _page(each) for each in examples()}
    return {FOLDER / "README.md": _index(), _QUESTIONS: _questions()} | of_operations


def _questions() -> str:
    """The three last words of an address that ask for facts, with their answers for the lake."""
    lake = PICTURES / _SCENE
    info = pipeline.inspect(lake)
    if info is None:
        raise ValueError(f"{_SCENE} is no picture")
    facts = {"id": "<uuid>"} | asdict(info) | {"hash": pipeline.fingerprint(lake)}
    colours = pipeline.main_colours(lake, _N_COLOURS)
    return _QUESTIONS_TEXT.format(
        picture=_image("The lake", lake),
        facts=json.dumps(facts, indent=2),
        n_colours=_N_COLOURS,
        swatches=_image("The colours", _COLOURS),
        colours=json.dumps(colours),
    )


def swatches() -> Image.Image:
    """The main colours of the lake beside each other."""
    colours = pipeline.main_colours(PICTURES / _SCENE, _N_COLOURS)
    sheet = Image.new("RGB", (100 * len(colours), 60))
    for n, (red, green, blue) in enumerate(colours):
        sheet.paste((red, green, blue), (100 * n, 0, 100 * n + 100, 60))
    return sheet


def _index() -> str:
    rows = [
        f"| {_shown(each)} | [`{each.name}`]({each.page.name}): {_summary(each.kind)} |"
        for each in examples()
    ]
    return "\n".join([_HEAD, "| | |", "| --- | --- |", *rows, "", _ASK, _TAIL])


def _shown(example: Example) -> str:
    return _image(example.kind.example, example.result) if example.has_picture else ""


def _page(example: Example) -> str:
    return "\n".join(f"{part}\n" for part in _parts(example))


def _parts(example: Example) -> Iterator[str]:
    kind = example.kind
    yield f"# `{kind.name}`"
    yield cleandoc(kind.__doc__ or "")
    facts = [f"**Parameters:** {kind.grammar}."]
    facts += [f"**Limits:** {kind.limits}"] if kind.limits else []
    yield "\n\n".join(facts)
    yield "## An example"
    yield f"```\n/<uuid>/{kind.example}\n```"
    if not example.has_picture:
        yield _SAYS_NOTHING[kind.name]
    else:
        before, after = example.source, example.result
        yield "\n".join(
            [
                f"| before: {_facts(before)} | after: {_facts(after)} |",
                "| --- | --- |",
                f"| {_image('Before', before)} | {_image('After', after)} |",
            ]
        )
    if kind.name == _HAS_LOOKS:
        yield "## Every look"
        yield "At full strength; the first is the picture without any."
        yield _image("Looks", EVERY_LOOK)
    yield "[All operations](README.md)"


def _summary(kind: type[Operation]) -> str:
    """The first paragraph of what is said of it, on one line."""
    return " ".join(cleandoc(kind.__doc__ or "").split("\n\n")[0].split())


def _image(text: str, path: Path) -> str:
    return f"![{text}]({path.relative_to(FOLDER).as_posix()})"


def _facts(path: Path) -> str:
    """Size, format and bytes, read by Pillow, which had no part in the making."""
    n_bytes = f"{path.stat().st_size / 1000:.1f} kB"
    if path.suffix == ".svg":
        return f"SVG, {n_bytes}"
    with Image.open(path) as picture:
        width, height = ImageOps.exif_transpose(picture).size  # as browsers show it
        return f"{width}×{height}, {picture.format}, {n_bytes}"


def pictures() -> set[Path]:
    """What the examples begin with, what they give, and the looks."""
    shown = [path for each in examples() if each.has_picture for path in (each.source, each.result)]
    return {*shown, EVERY_LOOK, _COLOURS}


def sheet_of_looks(folder: Path) -> Path:
    """The lake in each look, small, with its name below."""
    columns, (width, height), gap = 4, (180, 120), 24
    n_rows = -(-(len(LOOKS) + 1) // columns)
    sheet = Image.new("RGB", (columns * (width + 8) - 8, n_rows * (height + gap)), "white")
    draw = ImageDraw.Draw(sheet)
    filters = all_operations()[_HAS_LOOKS]
    for n, name in enumerate(("", *LOOKS)):
        look = f"-/filter/{name}/" if name else ""
        made = Example(filters).render(folder, f"-/resize/{width}x{height}/{look}-/quality/best/")
        left, top = n % columns * (width + 8), n // columns * (height + gap)
        with Image.open(made) as picture:
            sheet.paste(picture, (left, top))
        place = (left + width / 2, top + height + gap / 2 - 1)
        draw.text(place, name, font=scenes.font(3), fill=(40, 40, 40), anchor="mm")
    sheet.save(folder / EVERY_LOOK.name, quality=85)
    return folder / EVERY_LOOK.name


def make(wanted: Sequence[str]) -> None:
    """Carry out the examples, all or those named, and write every page."""
    for each in examples():
        if each.has_picture and (not wanted or each.name in wanted):
            with tempfile.TemporaryDirectory(prefix="ucdash-docs-") as folder:
                made = each.render(Path(folder))
                for old in PICTURES.glob(f"{each.name}.*"):
                    old.unlink()
                shutil.copyfile(made, PICTURES / made.name)
    if not wanted or _HAS_LOOKS in wanted:
        with tempfile.TemporaryDirectory(prefix="ucdash-docs-") as folder:
            shutil.copyfile(sheet_of_looks(Path(folder)), EVERY_LOOK)
    if not wanted:
        swatches().save(_COLOURS)
    texts = pages()
    for path in {*FOLDER.glob("*.md"), *PICTURES.iterdir()} - texts.keys() - pictures():
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, "utf-8")


def main() -> None:
    names = [name for name in sys.argv[1:] if name != "--scenes"]
    if unknown := [name for name in names if name not in all_operations()]:
        sys.exit(f"There is no operation {unknown[0]}.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    if "--scenes" in sys.argv:
        scenes.write(PICTURES)
    make(names)
    sys.stdout.write(f"{len(pages())} pages are written.\n")


if __name__ == "__main__":
    main()
