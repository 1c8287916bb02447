"""What a message says, in its reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from naryad import masking
from naryad.i18n import LANGUAGES, N_, _, speaking

TITLE_CHARS = 150


@dataclass(frozen=True, slots=True)
class Text:
    """One message: a line without breaks, and what stands below it."""

    title: str
    body: str


_TITLES = {
    "incident.created": N_("{severity}: {title}"),
    "incident.reopened": N_("Again, {severity}: {title}"),
    "incident.graver": N_("Now {severity}: {title}"),
    "incident.breached": N_("Nobody responded in time: {title}"),
    "incident.escalated": N_("The agent needs a person: {title}"),
    "incident.resolved": N_("Resolved: {title}"),
    "incident.merged": N_("Part of another incident now: {title}"),
    "approval.requested": N_("A decision is needed: {title}"),
    "approval.decided": N_("{status}: {title}"),
    "handoff.opened": N_("A person is needed: {title}"),
    "handoff.overdue": N_("Still nobody answers: {title}"),
    "ticket.response.warned": N_("Nobody has answered yet, and soon it is late: {title}"),
    "ticket.response.breached": N_("Nobody answered in time: {title}"),
    "ticket.resolution.warned": N_("Not solved yet, and soon it is late: {title}"),
    "ticket.resolution.breached": N_("Not solved in time: {title}"),
    "ticket.closed": N_("How did you like the help? {title}"),
    "security.stolen": N_("Security: a sign-in of {title} was used twice"),
    "test": N_("A test message"),
    "account.confirm": N_("Confirm your e-mail address"),
    "account.exists": N_("You have an account already"),
    "account.reset": N_("A new password"),
    "account.changed": N_("Your account was changed"),
    "account.device": N_("A new device is signed in to your account"),
    "account.key": N_("A key was made for your account"),
    "account.stolen": N_("A sign-in of yours was used twice"),
    "account.linked": N_("Telegram was linked to your account"),
}
_NOT_YOU = N_(
    "If it was not you, set a new password by «I forgot it»: that signs every device out, revokes every key and breaks "
    "the link to Telegram."
)
_BODIES = {
    "test": N_("This way works: messages of Naryad arrive here."),
    "account.confirm": N_("Your code is {code}. If you did not register, do nothing: there will be no account."),
    "account.exists": N_("Somebody, perhaps you, wanted to register with this address. Sign in with your password."),
    "account.reset": N_("Your code for a new password is {code}. If you did not ask for it, do nothing."),
    "account.changed": N_(
        "The password or the second factor of your account was changed. If it was not you, ask for a new password now."
    ),
}
_BODIES["account.stolen"] = N_(
    "Somebody may have a copy of it, so this device is signed out. Sign in again; if you cannot explain it, set a new "
    "password by «I forgot it»: that signs every device out."
)
_BODIES["security.stolen"] = N_("Somebody may have a copy of it. The device is signed out, and its owner was told.")
_BODIES["ticket.closed"] = N_("Your request is closed. Say by this link, once, from 1 to 5 how you liked the help.")
_BODIES |= dict.fromkeys(("account.device", "account.key", "account.linked"), _NOT_YOU)
_LINES = (
    ("device", N_("Device: {value}")),
    ("address", N_("Address: {value}")),
    ("key", N_("Key: {value}")),
    ("service", N_("Service: {value}")),
    ("cause", N_("Cause: {value}")),
    ("resolution", N_("Resolution: {value}")),
    ("into", N_("Went into: {value}")),
    ("agent", N_("Agent: {value}")),
    ("reason", N_("Reason: {value}")),
    ("contact", N_("Contact: {value}")),
    ("expires", N_("Decide before: {value}")),
    ("id", N_("Number: {value}")),
)
_LEVELS = {
    "critical": N_("Critical"),
    "high": N_("High"),
    "medium": N_("Medium"),
    "low": N_("Low"),
}
_STATUSES = {
    "approved": N_("Approved"),
    "rejected": N_("Rejected"),
    "expired": N_("Nobody decided in time"),
    "stale": N_("Things changed meanwhile"),
    "superseded": N_("Edited"),
    "withdrawn": N_("No longer needed"),
}


def rendered(payload: Mapping[str, Any]) -> Text:
    """The text of a payload, in its language."""
    lang = payload.get("lang")
    with speaking(lang if lang in LANGUAGES else LANGUAGES[0]):
        return _gathered(payload) if payload["kind"] == "digest" else _one(payload)


def _gathered(payload: Mapping[str, Any]) -> Text:
    items = [_one(item) for item in payload["items"]]
    title = _("While you were not to be disturbed: {count}").format(count=len(items))
    return Text(title, "\n\n".join(f"{item.title}\n{item.body}".rstrip() for item in items) + "\n")


def _one(payload: Mapping[str, Any]) -> Text:
    kind, facts = payload["kind"], payload.get("facts", {})
    if kind == "report":
        return Text(payload["title"], "\n\n".join(filter(None, [payload["text"], payload["link"]])) + "\n")
    words = {
        "title": " ".join(masking.secrets(str(facts.get("title", ""))).split())[:TITLE_CHARS],
        "severity": _(_LEVELS.get(facts.get("severity", ""), "")),
        "status": _(_STATUSES.get(facts.get("status", ""), "")),
    }
    title = _(_TITLES.get(kind, "{title}")).format(**words) or kind
    if payload.get("escalated"):
        title = _("Nobody has answered yet. {title}").format(title=title)
    lines = [_(_BODIES[kind]).format(code=payload.get("code", ""))] if kind in _BODIES else []
    lines += [_(line).format(value=masking.secrets(str(facts[name]))) for name, line in _LINES if facts.get(name)]
    lines += [payload["link"]] if payload.get("link") else []
    return Text(title, "\n".join(lines) + "\n" if lines else "")
