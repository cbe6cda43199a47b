"""Which tabs a provider's grant has."""

from dataclasses import dataclass

from storages_app.custom_storages.grants.dialects import aws_cli, click_path, mc, terraform
from storages_app.custom_storages.grants.rights import Right, rights_for
from storages_app.custom_storages.grants.tabs import Tab, policy_texts
from storages_app.custom_storages.grants.wanted import Wanted


@dataclass(frozen=True)
class Grant:
    """What a person does at the provider, in the tools that there are for it."""

    tabs: tuple[Tab, ...]
    rights: tuple[Right, ...]


def grant_for(wanted: Wanted) -> Grant:
    """The tabs of the provider's tools, in the order in which they are offered."""
    if wanted.provider.grant == "aws":
        tabs = [_policy_json(wanted), aws_cli.tab(wanted), terraform.tab(wanted)]
    elif wanted.provider.grant == "mc":
        tabs = [mc.tab(wanted)]
    else:
        tabs = [_policy_json(wanted)] if wanted.provider.has_bucket_policy else []
    return Grant((*tabs, click_path.tab(wanted)), tuple(_rights(wanted)))


def _policy_json(wanted: Wanted) -> Tab:
    return Tab("policy_json", "Policy JSON", policy_texts(wanted))


def _rights(wanted: Wanted) -> list[Right]:
    rights = rights_for(
        wanted.uses,
        wanted.public_mode,
        versioned=wanted.versioned,
        kms_key_id=wanted.kms_key_id,
        proves_ownership=wanted.identity == "principal",
    )
    return [right for right in rights if wanted.with_setup or not right.setup_only]
