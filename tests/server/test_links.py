"""Linking an account to Telegram: codes that are good once, for ten minutes, for one account."""

from datetime import timedelta

import httpx
import pytest
from sqlmodel import update

from naryad.accounts import links
from naryad.accounts.links import Links
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.account import Code
from naryad.errors import NotFound, Refused
from server.parts import Parts
from tests.server.conftest import PASSWORD, Signed

URL = "/api/v1/account/telegram"
ANNA, BORIS = 5_000_000_001, 5_000_000_002


@pytest.fixture
def known(parts: Parts) -> Links:
    return Links(parts.crew.runtime.database)


async def test_a_code_links_once(client: httpx.AsyncClient, known: Links, sign_in: Signed) -> None:
    """The same code does not link a second person, and the account says that it is linked."""
    anna = await sign_in(Role.OPERATOR)
    made = (await client.post(URL, json={"password": PASSWORD}, headers=anna.headers)).json()
    assert made["expires_in"] == 600
    assert (await known.redeem(f" {made['code'].lower()} ", ANNA)).id == anna.id
    with pytest.raises(Refused):
        await known.redeem(made["code"], BORIS)
    assert (await client.get(URL, headers=anna.headers)).json() == {"linked": True}
    assert (found := await known.of(ANNA)) is not None
    assert found.id == anna.id
    assert await known.of(BORIS) is None


async def test_a_new_code_ends_the_one_before(client: httpx.AsyncClient, known: Links, sign_in: Signed) -> None:
    """Whoever saw the old one over a shoulder gets nothing."""
    anna = await sign_in()
    proof = {"password": PASSWORD}
    first, second = [(await client.post(URL, json=proof, headers=anna.headers)).json()["code"] for _n in range(2)]
    assert (await client.post(URL, json={"password": "a guess"}, headers=anna.headers)).status_code == 409
    with pytest.raises(Refused):
        await known.redeem(first, ANNA)
    await known.redeem(second, ANNA)


async def test_an_old_code_links_nobody(parts: Parts, known: Links, sign_in: Signed) -> None:
    """Ten minutes, not more."""
    anna = await sign_in()
    code = await known.code(anna.id)
    async with parts.crew.runtime.database.write() as session:
        await session.exec(update(Code).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(Refused):
        await known.redeem(code, ANNA)
    assert timedelta(minutes=10) == links.CODE_LIFE


async def test_a_linked_person_is_not_taken_over(known: Links, sign_in: Signed) -> None:
    """A stranger's code, opened by somebody who is linked, changes nothing; nor does a disabled account's."""
    anna, stranger = await sign_in(Role.ADMIN), await sign_in(Role.USER)
    await known.redeem(await known.code(anna.id), ANNA)
    code = await known.code(stranger.id)
    with pytest.raises(Refused):
        await known.redeem(code, ANNA)
    assert (found := await known.of(ANNA)) is not None
    assert found.id == anna.id
    await known.redeem(code, BORIS)


async def test_a_new_telephone_replaces_the_old_one(known: Links, sign_in: Signed) -> None:
    """An account has one person on Telegram."""
    anna = await sign_in()
    await known.redeem(await known.code(anna.id), ANNA)
    await known.redeem(await known.code(anna.id), BORIS)
    assert await known.of(ANNA) is None
    assert await known.of(BORIS) is not None


async def test_unlinking_and_disabling_end_it_at_once(
    client: httpx.AsyncClient, parts: Parts, known: Links, sign_in: Signed
) -> None:
    """Neither can be used by a code that was made before."""
    anna = await sign_in()
    await known.redeem(await known.code(anna.id), ANNA)
    code = await known.code(anna.id)
    assert (await client.delete(URL, headers=anna.headers)).status_code == 204
    assert await known.of(ANNA) is None
    with pytest.raises(Refused):
        await known.redeem(code, ANNA)
    code = await known.code(anna.id)
    await parts.accounts.change(anna.id, disabled=True)
    with pytest.raises(Refused):
        await known.redeem(code, ANNA)
    with pytest.raises(Refused):
        await known.code(anna.id)
    with pytest.raises(NotFound):
        await known.code("nobody")
