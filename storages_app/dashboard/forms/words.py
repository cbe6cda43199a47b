"""What a form says of a field that is empty or cannot be: what to do, in the field's own words.

Django's stock sentences name neither the field nor the way out. A field that needs other words than
those made of its label has them in its `error_messages`.
"""

from typing import Any

from django import forms
from django.forms.utils import pretty_name

_TOO_OLD = "This page is too old for that. Reload it and try again."
_NOT_LISTED = "“%(value)s” is not in the list. Choose one that is."
_OF_ALL = {
    "max_length": "Shorten this to at most %(limit_value)d characters; it has %(show_value)d.",
    "min_length": "Write at least %(limit_value)d characters; this has %(show_value)d.",
    "null_characters_not_allowed": "Take out the invisible null characters.",
}
_OF_KIND: dict[type[forms.Field], dict[str, str]] = {
    forms.EmailField: {
        "required": "Enter an email address like team@example.com.",
        "invalid": "Enter an email address like team@example.com.",
    },
    forms.DateField: {"invalid": "Enter a day like 2026-11-23."},
    forms.DecimalField: {
        "max_decimal_places": "Enter a number with no more than %(max)s decimal places."
    },
    forms.ChoiceField: {"invalid_choice": _NOT_LISTED, "invalid_list": _NOT_LISTED},
    forms.ModelChoiceField: {
        "invalid_choice": _NOT_LISTED,
        "invalid_list": _NOT_LISTED,
        "invalid_pk_value": _NOT_LISTED.replace("value", "pk"),
    },
    forms.FileField: {
        "required": "Choose a file.",
        "invalid": "Choose a file.",
        "missing": "Choose a file.",
        "empty": "This file is empty. Choose another one.",
        "contradiction": "Choose a file, or have none: not both.",
    },
}


class InOwnWords(forms.BaseForm):
    """Speaks as soon as it is judged, when labels and fields are what the page shows."""

    def full_clean(self) -> None:
        for name, field in self.fields.items():
            label = str(field.label) if field.label is not None else pretty_name(name)
            words = _words_for(field, label)
            field.error_messages |= {
                code: text for code, text in words.items() if _is_stock(field, code)
            }
        super().full_clean()


def _is_stock(field: forms.Field, code: str) -> bool:
    """Whether the sentence is Django's own, or one that only a validator has."""
    defaults = [getattr(kind, "default_error_messages", {}) for kind in type(field).__mro__]
    stock = next((texts[code] for texts in defaults if code in texts), None)
    return bool(field.error_messages.get(code) == stock)


def _words_for(field: forms.Field, label: str) -> dict[str, str]:
    words = _OF_ALL | {"required": _what_to_do(field, label)}
    for kind, texts in _OF_KIND.items():
        if isinstance(field, kind):
            words |= texts
    if isinstance(field, forms.IntegerField):
        words |= _limits(field)
    if field.widget.is_hidden:
        words |= dict.fromkeys(("required", "invalid", "invalid_choice"), _TOO_OLD)
    return words


def _what_to_do(field: forms.Field, label: str) -> str:
    if label.startswith("Type "):
        return f"{label}."
    if isinstance(field, forms.BooleanField):
        return f"Tick “{label}”."
    if isinstance(field, forms.IntegerField):
        return "Enter a number."
    if isinstance(field, forms.MultipleChoiceField | forms.ModelMultipleChoiceField):
        return "Choose at least one."
    if isinstance(field.widget, forms.RadioSelect):  # labels of those are rarely nouns
        return "Choose one of these."
    is_choice = isinstance(field, forms.ChoiceField | forms.ModelChoiceField)
    return f"{'Choose' if is_choice else 'Enter'} {_noun(label)}."


def _noun(label: str) -> str:
    """“Storage name” → “a storage name”; what is somebody's own already stays so."""
    words = label if label[1:2].isupper() else label[:1].lower() + label[1:]  # KMS, URL
    if words.startswith(("your ", "the ", "who ", "what ", "where ", "when ", "how ")):
        return words
    if words.endswith("s") and not words.endswith("ss"):
        return words
    return f"{'an' if words[:1] in 'aeio' else 'a'} {words}"


def _limits(field: Any) -> dict[str, str]:
    least, most = field.min_value, field.max_value
    if least is not None and most is not None:
        return dict.fromkeys(
            ("min_value", "max_value"), f"Enter a number from {least:,} to {most:,}."
        )
    return {
        "min_value": "Enter %(limit_value)s or more.",
        "max_value": "Enter %(limit_value)s or less.",
    }
