"""A person's life with an account, over HTTP."""

import json
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlmodel import col, delete, select, update

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.account import Attempts, Device
from naryad.db.models.delivery import Delivery
from naryad.settings import Settings
from server.accounts import sessions
from server.parts import Parts
from tests.server.applications import create
from tests.server.conftest import PASSWORD, Signed, counter_crew

AUTH, ME = "/api/v1/auth", "/api/v1/account"
EMAIL = "olga@example.ru"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Mail is set up; its server does not answer, so that letters can be read here."""
    return settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": 9, "smtp_from": "naryad@example.ru"})


async def letter(parts: Parts, email: str = EMAIL) -> dict[str, str]:
    """The last letter to an address."""
    async with parts.crew.runtime.database.read() as session:
        query = select(Delivery).where(Delivery.target == email).order_by(col(Delivery.id).desc())
        row = (await session.exec(query)).first()
    assert row
    return row.payload


async def test_a_person_registers_confirms_and_is_signed_in(client: httpx.AsyncClient, parts: Parts) -> None:
    """By the mailed code; then the token opens their own profile, which they may change."""
    wanted = {"email": "Olga@Example.RU", "password": PASSWORD, "name": "Ольга", "lang": "en"}
    asked = await client.post(f"{AUTH}/register", json=wanted)
    assert (asked.status_code, asked.json()["resend_after"]) == (202, 60)
    sent = await letter(parts)
    assert (sent["kind"], sent["lang"]) == ("account.confirm", "en")
    early = await client.post(f"{AUTH}/resend", json={"registration": asked.json()["registration"]})
    assert (early.status_code, 0 < int(early.headers["retry-after"]) <= 61) == (429, True)
    confirmed = await client.post(f"{AUTH}/confirm", json={"code": sent["code"], "password": PASSWORD})
    assert confirmed.status_code == 200
    headers = {"Authorization": f"Bearer {confirmed.json()['access_token']}"}
    mine = (await client.get(ME, headers=headers)).json()
    assert {name: mine[name] for name in ("email", "name", "role", "lang")} == {
        "email": EMAIL,
        "name": "Ольга",
        "role": "user",
        "lang": "en",
    }
    changed = await client.patch(ME, json={"lang": "ru"}, headers=headers)
    assert (changed.json()["lang"], changed.json()["name"]) == ("ru", "Ольга")


async def test_a_known_address_is_answered_like_an_unknown_one(client: httpx.AsyncClient, parts: Parts) -> None:
    """Registering, forgetting, signing in: the same status, the same fields, the same words."""
    await parts.accounts.create(EMAIL, PASSWORD)
    for path, extra in (
        ("register", {"password": PASSWORD}),
        ("password/forgot", {}),
        ("sign-in", {"password": "wrong password"}),
    ):
        answers = []
        for email in (EMAIL, "nobody@example.ru"):
            async with parts.crew.runtime.database.write() as session:
                await session.exec(delete(Attempts))
            answer = await client.post(f"{AUTH}/{path}", json={"email": email, **extra})
            body = answer.json() if answer.content else {}
            said = body.get("error", {}).get("message")
            answers.append((answer.status_code, sorted(body), said, answer.headers.get("set-cookie")))
        assert answers[0] == answers[1], path


async def test_a_registration_cannot_name_a_role(client: httpx.AsyncClient) -> None:
    """Nor anything else that is not its to say; nor a profile."""
    for extra in ({"role": "admin"}, {"status": "active"}, {"id": "1"}, {"totp_secret": ""}):
        asked = await client.post(f"{AUTH}/register", json={"email": EMAIL, "password": PASSWORD, **extra})
        assert asked.status_code == 422


async def test_a_profile_cannot_name_a_role(client: httpx.AsyncClient, sign_in: Signed, parts: Parts) -> None:
    """It stays what it was."""
    anna = await sign_in(Role.USER)
    for extra in ({"role": "admin"}, {"email": "eve@example.ru"}, {"second_factor": True}):
        assert (await client.patch(ME, json=extra, headers=anna.headers)).status_code == 422
    assert (await parts.accounts.get(anna.id)).role is Role.USER


def refresh_cookie(answer: httpx.Response) -> SimpleCookie:
    """Every cookie of an answer."""
    cookies = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        cookies.load(header)
    return cookies


async def test_the_refresh_token_lives_in_a_cookie_that_only_refreshing_gets(
    app: FastAPI, client: httpx.AsyncClient, parts: Parts
) -> None:
    """No script reads it, no other site sends it, no plain connection carries it; the body does not hold it."""
    await parts.accounts.create(EMAIL, PASSWORD)
    signed = await client.post(f"{AUTH}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    cookie = refresh_cookie(signed)[sessions.REFRESH]
    assert (cookie["httponly"], cookie["secure"], cookie["path"]) == (True, True, f"{AUTH}/refresh")
    assert cookie["samesite"].lower() == "strict"
    assert cookie["domain"] == ""
    assert cookie.value not in signed.text
    renewed = await client.post(f"{AUTH}/refresh", headers={"cookie": f"{sessions.REFRESH}={cookie.value}"})
    assert renewed.status_code == 200
    assert refresh_cookie(renewed)[sessions.REFRESH].value != cookie.value
    assert (await client.post(f"{AUTH}/refresh")).status_code == 401


@pytest.mark.parametrize(
    ("url", "public", "secure"),
    [
        ("http://127.0.0.1:8000", "", False),
        ("http://localhost:8000", "", False),
        ("http://[::1]:8000", "", False),
        ("http://naryad.example.ru", "", True),
        ("https://localhost", "", True),
        ("http://localhost:8000", "https://naryad.example.ru", True),
        ("http://localhost.evil.example", "", True),
    ],
)
async def test_only_the_machine_itself_gets_a_cookie_without_tls(
    settings: Settings, url: str, public: str, secure: bool
) -> None:
    """And behind a proxy that hides the name the public address decides."""
    app = create(settings.model_copy(update={"public_url": public}), counter_crew)
    async with app.router.lifespan_context(app):
        await app.state.parts.accounts.create(EMAIL, PASSWORD)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as client:
            signed = await client.post(f"{AUTH}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    assert bool(refresh_cookie(signed)[sessions.REFRESH]["secure"]) is secure


async def test_signing_in_takes_no_session_that_somebody_brought(client: httpx.AsyncClient, parts: Parts) -> None:
    """A planted cookie is replaced by a new device's, and means nothing afterwards."""
    eve, olga = [await parts.accounts.create(email, PASSWORD) for email in ("eve@example.ru", EMAIL)]
    _device, planted = await parts.devices.open(eve.id)
    headers = {"cookie": f"{sessions.REFRESH}={planted}"}
    signed = await client.post(f"{AUTH}/sign-in", json={"email": EMAIL, "password": PASSWORD}, headers=headers)
    assert signed.json()["account"]["id"] == olga.id
    fresh = refresh_cookie(signed)[sessions.REFRESH].value
    assert fresh != planted
    assert (await parts.devices.renew(fresh))[0].id == olga.id


async def test_signing_out_ends_the_device_and_its_tokens(client: httpx.AsyncClient, parts: Parts) -> None:
    """The access token too, at once."""
    await parts.accounts.create(EMAIL, PASSWORD)
    signed = await client.post(f"{AUTH}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    headers = {"Authorization": f"Bearer {signed.json()['access_token']}"}
    out = await client.post(f"{AUTH}/sign-out", headers=headers)
    assert (out.status_code, refresh_cookie(out)[sessions.REFRESH]["max-age"]) == (204, "0")
    assert (await client.get(ME, headers=headers)).status_code == 401
    stolen = refresh_cookie(signed)[sessions.REFRESH].value
    assert (await client.post(f"{AUTH}/refresh", headers={"cookie": f"{sessions.REFRESH}={stolen}"})).status_code == 401


async def test_devices_are_seen_and_ended(client: httpx.AsyncClient, sign_in: Signed, parts: Parts) -> None:
    """Each by its name; another's are not there."""
    anna, eve = await sign_in(Role.USER), await sign_in(Role.USER)
    other = await anna.again(parts)
    listed = (await client.get(f"{ME}/devices", headers=anna.headers)).json()
    assert sorted(device["current"] for device in listed) == [False, True]
    current = next(device["id"] for device in listed if device["current"])
    assert (await client.delete(f"{ME}/devices/{current}", headers=eve.headers)).status_code == 404
    assert (await client.delete(f"{ME}/devices/{current}", headers=other.headers)).status_code == 204
    assert (await client.get(ME, headers=anna.headers)).status_code == 401
    assert (await client.delete(f"{ME}/devices", headers=other.headers)).status_code == 204
    assert (await client.get(ME, headers=other.headers)).status_code == 401


async def test_a_second_factor_from_set_up_to_emergency(
    client: httpx.AsyncClient, sign_in: Signed, parts: Parts
) -> None:
    """Set up by password and code, asked for at the door, told in the token, and fresh for ten minutes."""
    anna = await sign_in(Role.OPERATOR)
    made = await client.post(f"{ME}/second-factor", json={"password": PASSWORD}, headers=anna.headers)
    assert made.status_code == 201
    totp = pyotp.TOTP(made.json()["secret"])
    confirmed = await client.post(f"{ME}/second-factor/confirm", json={"code": totp.now()}, headers=anna.headers)
    first, second, *_rest = confirmed.json()["codes"]
    wanted = {"email": anna.email, "password": PASSWORD}
    asked = await client.post(f"{AUTH}/sign-in", json=wanted)
    assert (asked.status_code, asked.json()["error"]["code"]) == (401, "second_factor_required")
    signed = await client.post(f"{AUTH}/sign-in", json={**wanted, "code": first})
    token = signed.json()["access_token"]
    assert parts.signer.read(token).second_factor is True
    async with parts.crew.runtime.database.write() as session:
        await session.exec(update(Device).values(second_factor_at=now() - timedelta(minutes=11)))
    headers = {"Authorization": f"Bearer {token}"}
    again = await client.post(f"{AUTH}/second-factor", json={"code": second}, headers=headers)
    assert (again.status_code, parts.signer.read(again.json()["access_token"]).second_factor) == (200, True)
    [shown] = [one for one in (await client.get(f"{ME}/devices", headers=headers)).json() if one["current"]]
    assert shown["second_factor"] is True


async def test_a_machines_key_is_shown_once(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """And neither listed nor of use for managing anything."""
    anna = await sign_in(Role.OPERATOR)
    wanted = {"name": "monitor", "scopes": ["read", "alerts"], "expires_in_days": 30, "password": "a stolen token"}
    assert (await client.post(f"{ME}/keys", json=wanted, headers=anna.headers)).status_code == 409
    wanted["password"] = PASSWORD
    issued = (await client.post(f"{ME}/keys", json=wanted, headers=anna.headers)).json()
    listed = await client.get(f"{ME}/keys", headers=anna.headers)
    assert issued["key"] not in listed.text
    assert listed.json()[0]["scopes"] == ["alerts", "read"]
    machine = {"Authorization": f"Bearer {issued['key']}"}
    assert (await client.get(ME, headers=machine)).status_code == 403
    assert (await client.delete(f"{ME}/keys/{issued['id']}", headers=anna.headers)).status_code == 204
    assert (await client.get(ME, headers=machine)).status_code in (401, 403)
    user = await sign_in(Role.USER)
    assert (await client.post(f"{ME}/keys", json=wanted, headers=user.headers)).status_code == 409


async def test_a_role_that_is_taken_away_is_gone_at_once(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """Whatever the token says; and an account that is disabled is signed out."""
    admin, boris = await sign_in(Role.ADMIN), await sign_in(Role.ADMIN)
    users = "/api/v1/users"
    changed = await client.patch(f"{users}/{boris.id}", json={"role": "user"}, headers=admin.headers)
    assert changed.json()["role"] == "user"
    assert (await client.get(users, headers=boris.headers)).status_code == 403
    last = await client.patch(f"{users}/{admin.id}", json={"disabled": True}, headers=admin.headers)
    assert (last.status_code, last.json()["error"]["code"]) == (409, "refused")
    disabled = await client.patch(f"{users}/{boris.id}", json={"disabled": True}, headers=admin.headers)
    assert disabled.json()["status"] == "disabled"
    assert (await client.get(ME, headers=boris.headers)).status_code == 401
    page = (await client.get(users, params={"limit": 1}, headers=admin.headers)).json()
    rest = (await client.get(users, params={"after": page["next"]}, headers=admin.headers)).json()
    assert [one["id"] for one in page["users"] + rest["users"]] == [admin.id, boris.id]
    assert rest["next"] == ""
    assert (await client.get(f"{users}/unknown", headers=admin.headers)).status_code == 404
    assert "password" not in json.dumps(page)
