"""Delivery to Slack, PagerDuty, Teams, Opsgenie, SMS, push, webhooks and the rest, by Apprise addresses."""

import asyncio
import logging
import re
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import quote

from naryad.errors import ToolFailed
from naryad.i18n import _
from naryad.notify import texts
from naryad.notify.routes import Routes
from naryad.outbox import RetryLater, Undeliverable

TIMEOUT_S = 20
PAUSE_S = 30.0
"""How long a system that said «too many requests» is left alone: Apprise does not hand on its Retry-After."""
_STATUS = re.compile(r"\berror=(\d{3})\b")
_TYPES = {"critical": "failure", "high": "failure", "resolved": "success"}
# Never «info»: to Opsgenie Apprise sends nothing for it, and reports success.
_OTHER = "warning"


class AddressSender:
    """Sends to the addresses of one routes file; the database knows them as «recipient/way» only."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str | None:
        """Deliver one message, as `Sender` says."""
        address = self._routes.address(target)
        if address is None:
            raise Undeliverable(_("The routes file has no address {name} any more.").format(name=target))
        apprise = await asyncio.to_thread(_apprise)
        service = await asyncio.to_thread(_instance, apprise, with_details(address, payload))
        if service is None:
            raise Undeliverable(_("The address {name} is not understood.").format(name=target))
        message = texts.rendered(payload)
        sending = apprise.Apprise()
        sending.add(service)
        result = await sending.async_notify(
            title=message.title,
            body=message.body,
            notify_type=_TYPES.get(str(payload.get("level")), _OTHER),
            timeout=TIMEOUT_S,
            log_level=logging.WARNING,
        )
        if not result:
            raise _failure(target, result)
        return None


def with_details(address: str, payload: Mapping[str, Any]) -> str:
    """PagerDuty's address with what makes messages on one matter one page, and closes it at the end."""
    if not address.startswith("pagerduty://") or not payload.get("subject"):
        return address
    action = "resolve" if payload.get("level") == "resolved" else "trigger"
    return f"{address}{'&' if '?' in address else '?'}dedup={quote(payload['subject'])}&action={action}"


def understood(address: str) -> bool:
    """Whether Apprise knows such an address."""
    return "://" in address and _instance(_apprise(), address) is not None


def _instance(apprise: ModuleType, address: str) -> Any:
    return apprise.Apprise.instantiate(f"{address}{'&' if '?' in address else '?'}cto=5&rto={TIMEOUT_S - 5}")


@cache
def _apprise() -> ModuleType:
    """Apprise, kept from writing addresses and answers into our log."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it writes whole URLs
    return apprise


def _failure(target: str, result: Any) -> Exception:
    """What to do about it; what a service answered is not shown, since it may repeat the address."""
    told = " ".join(str(line.message) for one in result.results for line in one.logs())
    found = _STATUS.search(told)
    if found and found[1] == "429":
        return RetryLater(PAUSE_S)
    why = f"HTTP {found[1]}" if found else result.status.name.lower()
    return ToolFailed(_("Nothing was taken at {name}: {why}.").format(name=target, why=why))
