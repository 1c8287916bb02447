"""Delivery by Apprise addresses, against a server that records what comes."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import apprise.plugins.pagerduty
import pytest
from apprise.plugins.slack import NotifySlack

from naryad.errors import ToolFailed
from naryad.notify.addresses import AddressSender
from naryad.notify.routes import Routes
from naryad.outbox import RetryLater, Undeliverable

KEY, TOKEN = "R0123456789ABCDEF0123456789ABCDE", "TIiajkdnlazkcOXrIdevi7FQ"
INCIDENT = {
    "kind": "incident.created",
    "lang": "ru",
    "subject": "incident:17",
    "level": "critical",
    "facts": {"title": "Диск заполнен", "severity": "critical", "service": "shop-db"},
}


class Recorder:
    """A server that keeps each request's path and JSON; answers with `status`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.status = 200
        self.url = ""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    kept = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((self.path, json.loads(body)))
            self.send_response(202 if kept.status == 200 and "enqueue" in self.path else kept.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_args: object) -> None:
            pass

    with serving(Handler) as kept.url:
        yield kept


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def sender(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> AddressSender:
    """Slack, PagerDuty and a webhook, all of which are the recorder."""
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{recorder.url}/services")
    monkeypatch.setitem(apprise.plugins.pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{recorder.url}/v2/enqueue")
    addresses = {
        "slack": f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{TOKEN}",
        "pagerduty": f"pagerduty://{KEY}@naryad",
        "hook": f"{recorder.url.replace('http', 'json')}/hook?+X-Token=abcdef123456",
    }
    return AddressSender(Routes.model_validate({"recipients": [{"name": "team", "addresses": addresses}]}))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library writes into the process's log, as its root hears it."""
    root, text = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


async def test_slack_and_a_webhook_get_the_text(recorder: Recorder, sender: AddressSender) -> None:
    """Title and body arrive, in the reader's language and letters."""
    await sender.send("team/slack", INCIDENT, None)
    await sender.send("team/hook", INCIDENT, None)
    (slack_path, slack), (hook_path, hook) = recorder.requests
    assert slack_path == f"/services/T1JJ3T3L2/A1BRTD4JD/{TOKEN}"
    assert "Диск заполнен" in json.dumps(slack, ensure_ascii=False)
    assert hook_path.startswith("/hook")
    assert "Диск заполнен" in hook["title"]
    assert "shop-db" in hook["message"]
    assert hook["type"] == "failure"


async def test_pagerduty_opens_one_page_and_closes_it(recorder: Recorder, sender: AddressSender) -> None:
    """The matter is the page's key: telling again opens no second one, and its end resolves it."""
    await sender.send("team/pagerduty", INCIDENT, None)
    await sender.send("team/pagerduty", {**INCIDENT, "kind": "incident.resolved", "level": "resolved"}, None)
    (_, opened), (_, closed) = recorder.requests
    assert opened["routing_key"] == closed["routing_key"] == KEY
    assert opened["dedup_key"] == closed["dedup_key"] == "incident:17"
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert "Диск заполнен" in opened["payload"]["summary"]


@pytest.mark.parametrize("way", ["slack", "pagerduty", "hook"])
async def test_a_failure_is_told_without_the_address(
    recorder: Recorder, sender: AddressSender, way: str, log: io.StringIO
) -> None:
    """Neither the error nor the log has a token; «too many requests» is a pause, not a failure."""
    recorder.status = 500
    with pytest.raises(ToolFailed, match="500") as failure:
        await sender.send(f"team/{way}", INCIDENT, None)
    recorder.status = 429
    with pytest.raises(RetryLater):
        await sender.send(f"team/{way}", INCIDENT, None)
    told = f"{failure.value!r} {log.getvalue()}"
    assert not [secret for secret in (KEY, TOKEN, "abcdef123456") if secret in told]


async def test_an_address_that_is_gone_is_for_good(sender: AddressSender) -> None:
    """The file changed since the message was written."""
    with pytest.raises(Undeliverable, match="team/fax"):
        await sender.send("team/fax", INCIDENT, None)


async def test_what_waited_in_the_night_comes_in_one(recorder: Recorder, sender: AddressSender) -> None:
    """A gathered message has every title."""
    items = [{**INCIDENT, "facts": {"title": f"Авария {n}", "severity": "high"}} for n in range(3)]
    await sender.send("team/hook", {"kind": "digest", "lang": "ru", "items": items}, None)
    assert all(f"Авария {n}" in recorder.requests[0][1]["message"] for n in range(3))
