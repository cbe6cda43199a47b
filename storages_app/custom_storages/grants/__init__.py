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

__all__ = [
    "ALL_USES",
    "ALWAYS",
    "DEFAULT_USES",
    "SETUP_ACTIONS",
    "UNREADABLE",
    "ChecklistLine",
    "Policy",
    "Right",
    "Use",
    "actions_text",
    "advice",
    "bucket_policy",
    "checklist",
    "identity_policy",
    "judge",
    "key_policy_statement",
    "lifecycle_rule",
    "partition",
    "public_read_policy",
    "removable_rights",
    "rights_for",
    "service_host",
    "trust_policy",
]
