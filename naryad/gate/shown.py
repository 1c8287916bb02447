"""A question as people may read it, in every channel."""

import json

from naryad import canonical, masking
from naryad.db.models.gate import Approval


def without_secrets(approval: Approval) -> Approval:
    """A copy whose question, preview and arguments hold no secret; the digest stays that of what will run."""
    masked = {
        "question": masking.secrets(approval.question),
        "preview": masking.secrets(approval.preview),
        "args_json": canonical.encode(masking.in_value(json.loads(approval.args_json), masking.secrets)),
    }
    return Approval(**approval.model_dump() | masked)
