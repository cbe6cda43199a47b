"""What the lists of operators share: rows that are only read, actions, the way to their pages."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import IntegerField, Model, QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from storages_app.admin.lists import BoundedPaginator, OperatorChangeList
from storages_app.admin.wording import WordedFilter, has_words, in_words
from storages_app.lib.errors import UcdashError

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Admin = admin.ModelAdmin
    Inline = admin.TabularInline

ACTS_ON = 1_000  # rows at once: more are chosen by a command, or by a job of the dashboard
_NAMED = 20
_REFUSED = 3  # named of those that refused for one reason
_FOR_SLUGS = ("urlify.js", "prepopulate.js", "xregexp.js", "xregexp.min.js")
_CONFIRMED = "confirmed"
Action = Callable[[Any, HttpRequest, Any], HttpResponse | None]


def asked_once(description: str, *, hint: str = "") -> Callable[[Action], Action]:
    """An action of a list that shows what it is about to do to which rows, and waits for a yes."""

    def decorate(do: Action) -> Action:
        @admin.action(description=description, permissions=["operate"])
        @wraps(do)
        def ask(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
            if request.POST.get(_CONFIRMED) == "yes":
                return do(model_admin, request, chosen_of(rows))
            return _question(model_admin, request, rows, description=description, hint=hint)

        return ask

    return decorate


def chosen_of(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows by their keys, so that no row of another page slips in after the question."""
    keys = list(rows.order_by().values_list("pk", flat=True)[: ACTS_ON + 1])
    if len(keys) > ACTS_ON:
        raise TooManyRows
    chosen: QuerySet[Any] = rows.model._default_manager.filter(pk__in=keys)
    return chosen


def _question(
    model_admin: Any, request: HttpRequest, rows: QuerySet[Any], *, description: str, hint: str
) -> HttpResponse:
    n_rows = rows.order_by().values("pk")[: ACTS_ON + 1].count()
    opts = model_admin.opts
    context = {
        **model_admin.admin_site.each_context(request),
        "title": description,
        "hint": hint,
        "opts": opts,
        "rows": rows[:_NAMED],
        "what": counted(n_rows, opts.verbose_name, str(opts.verbose_name_plural)),
        "n_others": max(0, n_rows - _NAMED),
        "is_too_much": n_rows > ACTS_ON,
        "acts_on": ACTS_ON,
        "sent": [
            (name, value)
            for name in ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ],
        "confirmed": _CONFIRMED,
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)


class TooManyRows(UcdashError):
    """These are more rows than an action takes at once."""

    code = "too_many_rows"
    hint = "Narrow the list with its filters, or use a command: docs/commands.md."


class OperatorAdmin(Admin):
    """A list that is quick over millions of rows, and actions that ask once and count."""

    show_full_result_count = False  # counting a million rows twice helps nobody
    show_facets = admin.ShowFacets.NEVER  # nor does counting them for each filter
    paginator = BoundedPaginator
    list_per_page = 50

    @property
    def media(self) -> Media:
        """Without the scripts that make a slug of a name: 50 kB, and nothing here has a slug."""
        stock: Any = super().media
        scripts = [script for script in stock._js if not script.endswith(_FOR_SLUGS)]
        return Media(css=stock._css, js=scripts)

    def get_list_display(self, request: HttpRequest) -> Any:
        return in_words(self.model, super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [
            (one, WordedFilter) if isinstance(one, str) and has_words(self.model, one) else one
            for one in super().get_list_filter(request)
        ]

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Texts of fields without the backticks that the documentation of the API makes code of."""
        texts = {field.name: str(field.help_text) for field in self.opts.fields}
        told = {name: text.replace("`", "") for name, text in texts.items() if "`" in text}
        return super().get_form(request, obj, change=change, help_texts=told, **kwargs)

    def first_moment(self, rows: QuerySet[Any]) -> datetime | None:
        """When the dates of the list begin.

        By the primary key where it counts up: then no index on the dates is needed.
        """
        name = str(self.date_hierarchy)
        counts_up = isinstance(self.opts.pk, IntegerField)
        ordered = rows.order_by("pk" if counts_up else name)
        moment: datetime | None = ordered.values_list(name, flat=True).first()
        return moment

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OperatorChangeList]:
        return OperatorChangeList

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Look at the chosen ids first: Django asks the database for them as they come."""
        for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
            self.opts.pk.to_python(text)
        try:
            return super().response_action(request, queryset, *args, **kwargs)
        except TooManyRows as error:
            self.message_user(request, f"{error.message} {error.advice}", messages.ERROR)
            return None

    def each(
        self,
        request: HttpRequest,
        rows: Iterable[Any],
        do: Callable[[Any], object],
        *,
        noun: str,
        done: str,
    ) -> None:
        """Do it to each one; say how many took it, and which refused, why and what to do."""
        n_done, refused = 0, defaultdict[str, list[str]](list)
        for row in rows:
            try:
                do(row)
            except UcdashError as error:
                refused[f"{error.message} {error.advice}".strip()].append(str(row))
            else:
                n_done += 1
        for why, names in refused.items():
            others = f" and {len(names) - _REFUSED:,} more" if len(names) > _REFUSED else ""
            self.message_user(
                request, f"{', '.join(names[:_REFUSED])}{others}: {why}", messages.ERROR
            )
        level = messages.SUCCESS if n_done else messages.WARNING
        self.message_user(request, f"{counted(n_done, noun)} {done}.", level)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this operator may run the actions of the list."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class ReadOnlyAdmin(OperatorAdmin):
    """Rows of the ledger, or rows that only services may change."""

    def get_fieldsets(self, request: HttpRequest, obj: Any | None = None) -> Any:
        return [
            (title, {**options, "fields": in_words(self.model, options["fields"])})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The way to the page of the same thing stands on the page of each row too."""
        fields = (*super().get_readonly_fields(request, obj),)
        has_page = hasattr(self, "open_page") and "open_page" not in fields
        return (*fields, "open_page") if has_page else fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(Inline):
    template = "admin/read_only_rows.html"
    extra = 0
    can_delete = False
    show_change_link = False

    def get_fields(self, request: HttpRequest, obj: Any | None = None) -> Any:
        return in_words(self.model, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any | None = None) -> Any:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def dashboard_link(page: str, *args: object) -> SafeString:
    """To the page that members see of the same thing."""
    return format_html('<a href="{}">Open</a>', reverse(f"dashboard:{page}", args=args))


def actor_of(request: HttpRequest) -> str:
    """Who is written into events: the operator, as such."""
    return f"{request.user} (operator)"


def counted(n: int, noun: str, many: str = "") -> str:
    """1 storage, 2 storages, 3 deliveries."""
    return f"1 {noun}" if n == 1 else f"{n:,} {many or f'{noun}s'}"
