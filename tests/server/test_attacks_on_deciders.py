"""Whoever may not decide does not: forged, expired, foreign, demoted and mechanical callers; no effect, no change."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from naryad.accounts.accounts import principal
from naryad.accounts.api_keys import Scope
from naryad.accounts.tokens import Access, Signer
from naryad.alerts.told import told
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus
from server.parts import Parts
from tests.server.asking import Desk
from tests.server.conftest import Signed, SignedIn

Token = Callable[[Desk, SignedIn], Awaitable[str]]
TOKENS: dict[str, Token] = {}
VERBS: dict[str, dict[str, Any]] = {"approve": {}, "reject": {"reason": "no"}, "edit": {"args": {"what": "evil"}}}


@pytest.fixture
def desk(parts: Parts, client: httpx.AsyncClient, sign_in: Signed) -> Desk:
    return Desk(parts, client, sign_in)


def token(make: Token) -> Token:
    """Remember a way to come by a token that is good for nothing."""
    TOKENS[make.__name__] = make
    return make


def claims(desk: Desk, who: SignedIn) -> dict[str, object]:
    """What a good token says."""
    found: dict[str, object] = jwt.decode(who.token, options={"verify_signature": False})
    return found


def key(desk: Desk) -> str:
    """The install's own secret."""
    return (desk.parts.settings.home / "secret").read_text().strip()


@token
async def unsigned(desk: Desk, who: SignedIn) -> str:
    return jwt.encode(claims(desk, who), "", algorithm="none")


@token
async def of_another_key(desk: Desk, who: SignedIn) -> str:
    return Signer("k" * 43).sign(Access(who.id, Role.ADMIN, str(claims(desk, who)["device"]), True))


@token
async def with_a_changed_claim(desk: Desk, who: SignedIn) -> str:
    head, _body, signature = who.token.split(".")
    changed = jwt.encode(claims(desk, who) | {"role": "admin"}, "k" * 43).split(".")[1]
    return f"{head}.{changed}.{signature}"


@token
async def of_another_algorithm(desk: Desk, who: SignedIn) -> str:
    return jwt.encode(claims(desk, who), key(desk).ljust(64, "0"), algorithm="HS512")


@token
async def of_another_audience(desk: Desk, who: SignedIn) -> str:
    return jwt.encode(claims(desk, who) | {"aud": "naryad-known-device"}, key(desk))


@token
async def expired(desk: Desk, who: SignedIn) -> str:
    return jwt.encode(claims(desk, who) | {"exp": now() - timedelta(seconds=1)}, key(desk))


@token
async def without_an_end(desk: Desk, who: SignedIn) -> str:
    return jwt.encode({name: value for name, value in claims(desk, who).items() if name != "exp"}, key(desk))


@token
async def of_no_device(desk: Desk, who: SignedIn) -> str:
    return jwt.encode(claims(desk, who) | {"device": "none"}, key(desk))


@token
async def of_a_revoked_device(desk: Desk, who: SignedIn) -> str:
    await desk.parts.devices.end_all(who.id)
    return who.token


@token
async def of_a_disabled_account(desk: Desk, who: SignedIn) -> str:
    await desk.parts.accounts.change(who.id, by="local:root", disabled=True)
    return who.token


@token
async def of_a_removed_account(desk: Desk, who: SignedIn) -> str:
    await desk.parts.accounts.remove(who.id, by="local:root")
    return who.token


@token
async def of_letters(desk: Desk, who: SignedIn) -> str:
    return urlsafe_b64encode(who.id.encode()).decode()


@token
async def a_refresh_token(desk: Desk, who: SignedIn) -> str:
    return (await desk.parts.devices.open(who.id))[1]


@pytest.mark.parametrize("name", TOKENS)
async def test_a_bad_token_decides_nothing(desk: Desk, name: str) -> None:
    """It is nobody's: 401, whatever is asked of us."""
    anna = await desk.person()
    [asked] = await desk.ask()
    bad = await TOKENS[name](desk, anna)
    for verb, body in VERBS.items():
        said = await desk.client.post(
            f"/api/v1/approvals/{asked.id}/{verb}", json=body, headers={"Authorization": f"Bearer {bad}"}
        )
        assert said.status_code == 401
    await untouched(desk, asked)


@pytest.mark.parametrize("role", [Role.USER, Role.MANAGER, Role.MODERATOR])
async def test_a_role_that_may_not_decide(desk: Desk, role: Role) -> None:
    """Not even about what was asked for in one's own name."""
    who = await desk.person(role)
    [asked] = await desk.ask(principal=principal(who.id))
    for verb, body in VERBS.items():
        assert (await desk.post(who, asked, verb, **body)).status_code == 403
    await untouched(desk, asked)


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_of_an_administrator(desk: Desk, scope: Scope) -> None:
    """A machine decides nothing, whoever made its key."""
    admin = await desk.person(Role.ADMIN)
    [asked] = await desk.ask()
    _row, made = await desk.parts.keys.issue(admin.id, "machine", [scope])
    for verb, body in VERBS.items():
        headers = {"Authorization": f"Bearer {made}"}
        said = await desk.client.post(f"/api/v1/approvals/{asked.id}/{verb}", json=body, headers=headers)
        assert said.status_code == 403
    await untouched(desk, asked)


async def test_a_demoted_account(desk: Desk) -> None:
    """Its token says operator, its row does not any more: the question is there only where it was asked in its name."""
    anna = await desk.person()
    [foreign], [own] = await desk.ask("x"), await desk.ask("y", principal=principal(anna.id))
    await desk.parts.accounts.change(anna.id, by="local:root", role=Role.USER)
    for verb, body in VERBS.items():
        assert (await desk.post(anna, foreign, verb, **body)).status_code == 404
        assert (await desk.post(anna, own, verb, **body)).status_code == 403
    await untouched(desk, foreign, own)


async def test_an_operator_where_administrators_decide(desk: Desk) -> None:
    """For them the question is not even there; where it was asked in their name they are told."""
    desk.policy("{roles: [admin]}")
    anna = await desk.person()
    [foreign], [own] = await desk.ask("x"), await desk.ask("y", principal=principal(anna.id))
    for verb, body in VERBS.items():
        assert (await desk.post(anna, foreign, verb, **body)).status_code == 404
        assert (await desk.post(anna, own, verb, **body)).status_code == 403
    await untouched(desk, foreign, own)


async def test_a_yes_to_oneself_under_four_eyes(desk: Desk) -> None:
    """Not by a yes, a no or an edit; and another person may."""
    desk.policy("{four_eyes: true}")
    anna, boris = await desk.person(), await desk.person()
    [asked] = await desk.ask(principal=principal(anna.id))
    for verb, body in VERBS.items():
        assert (await desk.post(anna, asked, verb, **body)).status_code == 409
    await untouched(desk, asked)
    assert (await desk.post(boris, asked, "approve")).status_code == 200


async def test_a_yes_to_ones_own_report_under_four_eyes(desk: Desk) -> None:
    """Who reports an incident speaks to the agent in the system's name, and does not decide what it then asks."""
    desk.policy("{four_eyes: true}")
    anna, boris = await desk.person(), await desk.person()
    said = {"title": json.dumps([["counter_fire", {"what": "x"}]])}
    made = await desk.client.post("/api/v1/incidents", json=said, headers=anna.headers)
    thread = (await desk.parts.crew.incidents.get(made.json()["id"])).thread_id
    [asked] = await desk.until(lambda rows: len(rows) == 1, thread)
    for verb, body in VERBS.items():
        assert (await desk.post(anna, asked, verb, **body)).status_code == 409
    await untouched(desk, asked)
    assert (await desk.post(boris, asked, "approve")).status_code == 200


@pytest.mark.parametrize("by", ["token", "key"])
async def test_a_yes_to_ones_own_alert_under_four_eyes(desk: Desk, by: str) -> None:
    """Who invents an alert, by hand or by a key, does not decide on its cure: nor when it joined the incident later."""
    desk.policy("{four_eyes: true}")
    anna, boris = await desk.person(), await desk.person()
    _row, machine = await desk.parts.keys.issue(anna.id, "monitor", [Scope.ALERTS])
    headers = anna.headers if by == "token" else {"Authorization": f"Bearer {machine}"}
    await desk.parts.intake.accept([told({"alertname": "Real", "service": "web"}, moment=now())])
    invented = {"labels": {"alertname": "Invented", "service": "web"}}
    assert (await desk.client.post("/api/v1/alerts", json=invented, headers=headers)).json()["changed"] == 1
    [incident] = await desk.parts.crew.incidents.listed()
    assert incident.alerts == 2
    [asked] = await desk.ask(thread=incident.thread_id, principal="system:alerts")
    for verb, body in VERBS.items():
        assert (await desk.post(anna, asked, verb, **body)).status_code == 409
    await untouched(desk, asked)
    assert (await desk.post(boris, asked, "approve")).status_code == 200


async def test_a_second_yes_of_the_same_person(desk: Desk) -> None:
    """Two are wanted: one person on two devices is one."""
    desk.policy("{quorum: 2}")
    anna = await desk.person()
    [asked] = await desk.ask()
    assert (await desk.post(anna, asked, "approve")).status_code == 200
    other = await anna.again(desk.parts)
    for verb in ("approve", "edit"):
        assert (await desk.post(other, asked, verb, **VERBS[verb])).status_code == 409
    await untouched(desk, asked)


async def test_no_second_factor_in_an_emergency(desk: Desk) -> None:
    """A claim of the token does not do: the device's row must say it."""
    desk.policy("{second_factor: true}")
    anna = await desk.person(Role.ADMIN)
    [asked] = await desk.ask()
    device = str(claims(desk, anna)["device"])
    liar = desk.parts.signer.sign(Access(anna.id, Role.ADMIN, device, True))
    headers = {"Authorization": f"Bearer {liar}"}
    for verb, body in VERBS.items():
        said = await desk.client.post(f"/api/v1/approvals/{asked.id}/{verb}", json=body, headers=headers)
        assert said.status_code == 409
    await untouched(desk, asked)


async def untouched(desk: Desk, *asked: Approval) -> None:
    """Nothing happened, and the questions stand as they did."""
    assert desk.effects == []
    assert [await desk.status(one) for one in asked] == [ApprovalStatus.PENDING] * len(asked)
