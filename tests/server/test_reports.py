"""Reports over HTTP: made, listed, shown, downloaded."""

import io

import httpx
import pytest
from pypdf import PdfReader

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.incident import Severity
from naryad.incidents import Incidents
from server.parts import Parts
from tests.server.conftest import Signed

URL = "/api/v1/reports"
TITLE = "<script>alert('Склад')</script>"


async def made(client: httpx.AsyncClient, headers: dict[str, str], **wanted: str) -> dict[str, object]:
    answer = await client.post(URL, json={"kind": "daily", **wanted}, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_report_is_made_once(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """Of the last day that is over, or of a named one; the list shows the newest first, and can be paged."""
    operator = await sign_in()
    first = await made(client, operator.headers, day="2026-11-01")
    second = await made(client, operator.headers, kind="weekly", day="2026-11-01")
    assert (await made(client, operator.headers, day="2026-11-01"))["id"] == first["id"]
    assert (first["since"], first["whole"]) == ("2026-10-31T21:00:00Z", True)
    assert second["since"] == "2026-10-25T21:00:00Z"
    listed = (await client.get(URL, headers=operator.headers)).json()["reports"]
    assert [line["id"] for line in listed] == [second["id"], first["id"]]
    page = (await client.get(f"{URL}?before={second['id']}", headers=operator.headers)).json()["reports"]
    assert [line["id"] for line in page] == [first["id"]]
    weekly = (await client.get(f"{URL}?kind=weekly", headers=operator.headers)).json()["reports"]
    assert [line["id"] for line in weekly] == [second["id"]]
    shown = (await client.get(f"{URL}/{first['id']}", headers=operator.headers)).json()
    assert shown == first


async def test_files_are_downloaded(client: httpx.AsyncClient, sign_in: Signed, parts: Parts) -> None:
    """Hostile titles stay text in each of them; the page may load nothing, and is not shown inside the site."""
    operator = await sign_in()
    incidents = Incidents(parts.crew.runtime.database, parts.crew.runtime.events)
    for _ in range(3):
        await incidents.report(TITLE, "", TITLE, Severity.CRITICAL, by="account:x", run=False)
    today = now().astimezone(parts.settings.zone).date().isoformat()
    report = await made(client, operator.headers, day=today)
    url = f"{URL}/{report['id']}/file"
    html = await client.get(url, params={"format": "html", "lang": "en"}, headers=operator.headers)
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "attachment" in html.headers["content-disposition"]
    assert "<script" not in html.text
    assert "&lt;script&gt;alert(&#x27;Склад&#x27;)" in html.text
    text = await client.get(url, params={"format": "text", "lang": "en"}, headers=operator.headers)
    assert "Incidents: 3" in text.text
    pdf = await client.get(url, headers=operator.headers)
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert "Склад" in PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"kind": "daily", "day": "2099-01-01"}, 409),
        ({"kind": "daily", "day": "2026-13-01"}, 422),
        ({"kind": "daily", "day": "0001-01-01"}, 422),
        ({"kind": "weekly", "day": "9999-12-31"}, 422),
        ({"kind": "yearly"}, 422),
        ({"kind": "daily", "more": 1}, 422),
    ],
)
async def test_what_cannot_be_made(
    client: httpx.AsyncClient, sign_in: Signed, wanted: dict[str, object], status: int
) -> None:
    """A day to come, days that are none, and those that no calendar can reckon with."""
    operator = await sign_in()
    assert (await client.post(URL, json=wanted, headers=operator.headers)).status_code == status


async def test_who_may(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """Operators; a user gets nothing, and what is not there is not found."""
    user, operator = await sign_in(Role.USER), await sign_in()
    assert (await client.get(URL, headers=user.headers)).status_code == 403
    for path in ("nope", "nope/file"):
        assert (await client.get(f"{URL}/{path}", headers=operator.headers)).status_code == 404
