"""The style guide: tokens and parts of the pages, made of the includes that pages are made of."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.dashboard.style_guide import COLOURS, SHAPES, SPACES, STATES, TYPE


class SampleForm(DashboardForm):
    """One field of each kind; the first is refused, so that an error is seen."""

    name = forms.CharField(label="Storage name", help_text="Letters, digits, - and _, up to 64.")
    region = forms.CharField(label="Region", required=False)
    kind = forms.ChoiceField(
        label="Copies are", choices=[("private", "Private"), ("public", "Public")]
    )
    uses = forms.MultipleChoiceField(
        label="What for",
        choices=[("copies", "Copies"), ("restore", "Restore")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    auto_copy = forms.BooleanField(
        label="Copy new files",
        help_text="Each new file is copied once it is ready.",
        required=False,
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    sample = SampleForm({"region": "eu-central-1", "kind": "private"})
    sample.errors["name"] = sample.error_class(
        ["This project already has a storage called photos."]
    )
    return render(
        request,
        "dashboard/style_guide.html",
        {
            "form": sample,
            "states": STATES,
            "colours": COLOURS,
            "spaces": SPACES,
            "type": TYPE,
            "shapes": SHAPES,
        },
    )
