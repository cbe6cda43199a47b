"""What it takes to thaw archived objects, as far as that is known."""

from dataclasses import dataclass

from django.db.models import Count, Sum

from storages_app.models import RestoreItem, RestoreRun

_GB = 1_000_000_000
_A_CENT = 0.01
# Dollars a GB and a thousand requests of a standard retrieval, us-east-1.
# https://aws.amazon.com/s3/pricing/
_AMAZONS_PRICES = {"GLACIER": (0.01, 0.05), "DEEP_ARCHIVE": (0.02, 0.10)}


@dataclass(frozen=True)
class Thaw:
    """`dollars` is None where nobody knows the price."""

    n_files: int
    n_bytes: int
    dollars: float | None

    @property
    def cost(self) -> str:
        """In words; empty where nobody knows it."""
        if self.dollars is None:
            return ""
        return f"about ${self.dollars:,.2f}" if self.dollars >= _A_CENT else "less than $0.01"


def estimate(run: RestoreRun) -> Thaw:
    """How much is archived, and about what its thaw costs at Amazon's list price."""
    archived = run.items.filter(plan=RestoreItem.Plan.ARCHIVED).order_by()
    counted = archived.values_list("storage_class").annotate(n=Count("pk"), size=Sum("size"))
    by_class: list[tuple[str, int, int]] = list(counted)
    is_amazons = run.custom_storage.provider == "aws"
    is_known = is_amazons and all(name in _AMAZONS_PRICES for name, _n, _size in by_class)
    return Thaw(
        n_files=sum(n for _name, n, _size in by_class),
        n_bytes=sum(size for _name, _n, size in by_class),
        dollars=sum(_price(*counts) for counts in by_class) if is_known else None,
    )


def _price(storage_class: str, n_files: int, n_bytes: int) -> float:
    a_gb, a_thousand = _AMAZONS_PRICES[storage_class]
    return n_bytes / _GB * a_gb + n_files / 1000 * a_thousand
