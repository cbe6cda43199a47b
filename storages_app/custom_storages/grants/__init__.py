"""Which rights a storage needs, as the texts that people paste at their provider.

Every function here is pure: names in, texts out, and no network.
"""

from storages_app.custom_storages.grants.checklist import (
    UNREADABLE,
    ChecklistLine,
    advice,
    checklist,
    judge,
)
from storages_app.custom_storages.grants.dialects.aws_cli import lifecycle_script
from storages_app.custom_storages.grants.granting import Grant, grant_for
from storages_app.custom_storages.grants.merging import Merged, merge
from storages_app.custom_storages.grants.policies import (
    Policy,
    bucket_policy,
    identity_policy,
    key_policy_statement,
    lifecycle_rule,
    partition,
    public_read_policy,
    service_host,
    trust_policy,
)
from storages_app.custom_storages.grants.rights import (
    ALL_USES,
    ALWAYS,
    DEFAULT_USES,
    SETUP_ACTIONS,
    Right,
    Use,
    actions_text,
    removable_rights,
    rights_for,
)
from storages_app.custom_storages.grants.tabs import Step, Tab, Text
from storages_app.custom_storages.grants.wanted import Wanted

__all__ = [
    "ALL_USES",
    "ALWAYS",
    "DEFAULT_USES",
    "SETUP_ACTIONS",
    "UNREADABLE",
    "ChecklistLine",
    "Grant",
    "Merged",
    "Policy",
    "Right",
    "Step",
    "Tab",
    "Text",
    "Use",
    "Wanted",
    "actions_text",
    "advice",
    "bucket_policy",
    "checklist",
    "grant_for",
    "identity_policy",
    "judge",
    "key_policy_statement",
    "lifecycle_rule",
    "lifecycle_script",
    "merge",
    "partition",
    "public_read_policy",
    "removable_rights",
    "rights_for",
    "service_host",
    "trust_policy",
]
