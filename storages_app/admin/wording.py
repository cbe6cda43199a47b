"""Choices in the words of the pages: a state is "Retry wait" here, and not "Retry Wait"."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

Told = Callable[[Any], str]


def choices_of(field: "Field[Any, Any]") -> dict[Any, str]:
    """Sentence case for those whose title Django has made of their code; others have one."""
    return {value: _in_words(value, str(title)) for value, title in field.flatchoices}


def _in_words(value: Any, title: str) -> str:
    words = title if isinstance(value, int) else str(value).replace("_", " ")
    return words.capitalize() if title == words.title() else title


@cache
def _column(model: type[Model], name: str) -> Told | None:
    """For the field of this name, if it is one with choices."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.flatchoices:
        return None
    choices = choices_of(field)

    @admin.display(description=str(field.verbose_name), ordering=name)
    def told(row: Any) -> str:
        said = choices.get(getattr(row, name), "")
        # What the pages say first, and what the ledger keeps where that tells more.
        word = getattr(row, "word", "") if name == "state" else ""
        if word and said not in {"", word}:
            return f"{word} ({said.lower()})"
        return word or said

    told.__name__ = name  # names its column, as that of a field would be
    return told


def has_words(model: type[Model], name: str) -> bool:
    return _column(model, name) is not None


def in_words(model: type[Model], names: Any) -> Any:
    """The same names, with a column for each of the fields that have choices."""
    if isinstance(names, list | tuple):
        return type(names)(in_words(model, name) for name in names)
    return (_column(model, names) if isinstance(names, str) else None) or names


class WordedFilter(admin.ChoicesFieldListFilter):
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        words = {
            str(title): told
            for (_value, title), told in zip(
                self.field.flatchoices, choices_of(self.field).values(), strict=True
            )
        }
        for choice in super().choices(changelist):
            said = str(choice["display"])
            yield dict(choice) | {"display": words.get(said, said)}
