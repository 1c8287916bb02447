"""The simulated Bot API: aiogram, a client that knows nothing of it, works with it; its words are the real API's."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramRetryAfter
from aiogram.types import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup

from lab.telegram.methods import PARAMETERS, REQUIRED
from lab.telegram.people import Somebody
from lab.telegram.server import TOKEN, Simulator, simulator

CONTRACT = Path(__file__).parents[2] / "../shared/contracts/telegram-bot-api-10.1.json"
ANNA = 5_000_000_001
YES = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y:1")]])


@pytest.fixture
async def api() -> AsyncIterator[Simulator]:
    async with simulator() as running:
        yield running


@pytest.fixture
async def bot(api: Simulator) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(api.url))
    async with Bot(TOKEN, session=session) as opened:
        yield opened


@pytest.fixture
def anna(api: Simulator) -> Somebody:
    return Somebody(api.world, ANNA)


async def test_aiogram_talks_with_it(api: Simulator, bot: Bot, anna: Somebody) -> None:
    """Poll, answer with a button, take the tap, edit, delete: everything that a bot does."""
    anna.write("/start now")
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.text == "/start now"
    sent = await bot.send_message(ANNA, "Sure?", reply_markup=YES)
    anna.tap(anna.sees[-1], "Yes")
    (update,) = await bot.get_updates(offset=update.update_id + 1, timeout=5)
    assert update.callback_query is not None
    assert (update.callback_query.data, update.callback_query.from_user.id) == ("y:1", ANNA)
    assert await bot.answer_callback_query(update.callback_query.id, "Done")
    await bot.edit_message_text("Done.", chat_id=ANNA, message_id=sent.message_id)
    assert [(one["text"], "reply_markup" in one) for one in anna.sees] == [("Done.", False)]
    await bot.delete_message(ANNA, sent.message_id)
    assert anna.sees == []


async def test_updates_stay_until_they_are_confirmed(api: Simulator, bot: Bot, anna: Somebody) -> None:
    """Twice the same until the offset passes them; a poll waits for what comes."""
    anna.write("one")
    first, again = await bot.get_updates(), await bot.get_updates()
    assert first == again
    poll = asyncio.create_task(bot.get_updates(offset=first[0].update_id + 1, timeout=20))
    await asyncio.sleep(0.1)
    assert not poll.done()
    anna.write("two")
    assert [update.message and update.message.text for update in await poll] == ["two"]


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("sendMessage", {"chat_id": ANNA, "text": " \n"}, "message text is empty"),
        ("sendMessage", {"chat_id": ANNA, "text": "x" * 4097}, "message is too long"),
        ("sendMessage", {"chat_id": ANNA, "text": "😀" * 2049}, "message is too long"),
        ("sendMessage", {"chat_id": 77, "text": "x"}, "chat not found"),
        ("sendMessage", {"text": "x"}, "'chat_id' is required"),
        ("sendMessage", {"chat_id": ANNA, "text": "<b>x", "parse_mode": "HTML"}, "Can't find end tag"),
        ("sendMessage", {"chat_id": ANNA, "text": "<x>y</x>", "parse_mode": "HTML"}, "Unsupported start tag"),
        ("sendMessage", {"chat_id": ANNA, "text": "a</b>", "parse_mode": "HTML"}, "Unexpected end tag"),
        (
            "sendMessage",
            {"chat_id": ANNA, "text": "ab", "entities": [{"type": "bold", "offset": 1, "length": 2}]},
            "ends after the end",
        ),
        (
            "sendMessage",
            {
                "chat_id": ANNA,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "й" * 33}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
        ("editMessageText", {"chat_id": ANNA, "message_id": 999, "text": "x"}, "message to edit not found"),
        ("editMessageText", {"chat_id": ANNA, "message_id": 1, "text": "x"}, "message can't be edited"),
        ("deleteMessage", {"chat_id": ANNA, "message_id": 999}, "message to delete not found"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, "query is too old"),
        ("sendChatAction", {"chat_id": ANNA, "action": "dance"}, "wrong parameter action"),
        ("setWebhook", {"url": "https://x.ru", "secret_token": "пароль"}, "unallowed characters"),
        ("setMyCommands", {"commands": [{"command": "Старт", "description": "x"}]}, "BOT_COMMAND_INVALID"),
    ],
)
async def test_it_refuses_what_the_real_one_refuses(
    api: Simulator, anna: Somebody, method: str, params: dict[str, Any], words: str
) -> None:
    """With 400 and its words."""
    anna.write("/start")
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{api.url}/bot{TOKEN}/{method}", json=params)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)
    assert words in answer.json()["description"]


async def test_a_message_must_change_when_it_is_edited(api: Simulator, bot: Bot, anna: Somebody) -> None:
    """The same words and buttons again are refused; HTML and entities are the same message."""
    anna.write("/start")
    sent = await bot.send_message(ANNA, "<b>Sure?</b>", parse_mode="HTML", reply_markup=YES)
    assert anna.sees[-1]["entities"] == [{"type": "bold", "offset": 0, "length": 5}]
    with pytest.raises(TelegramAPIError, match="message is not modified"):
        await bot.edit_message_text(
            "Sure?", entities=sent.entities, chat_id=ANNA, message_id=sent.message_id, reply_markup=YES
        )
    await bot.edit_message_reply_markup(chat_id=ANNA, message_id=sent.message_id)
    assert "reply_markup" not in anna.sees[-1]


async def test_it_fails_on_demand(api: Simulator, bot: Bot, anna: Somebody) -> None:
    """429 tells how long to wait; a blocked bot and a stranger hear 403."""
    anna.write("/start")
    api.world.fail("sendMessage", 429, "Too Many Requests: retry after 3", retry_after=3)
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(ANNA, "x")
    assert caught.value.retry_after == 3
    await bot.send_message(ANNA, "x")
    anna.block()
    with pytest.raises(TelegramAPIError, match="blocked by the user"):
        await bot.send_message(ANNA, "x")
    stranger = Somebody(api.world, 42)
    with pytest.raises(TelegramAPIError, match="can't initiate"):
        await bot.send_message(stranger.id, "x")


@pytest.mark.parametrize(
    ("path", "code"),
    [(f"bot{TOKEN[:-1]}x/getMe", 401), ("botx/getMe", 404), (f"bot{TOKEN}/dropTable", 404), ("getMe", 404)],
)
async def test_a_wrong_token_is_refused(api: Simulator, path: str, code: int) -> None:
    """401 for a wrong one, 404 for what is none."""
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{api.url}/{path}")).json()["error_code"] == code


async def test_the_second_poller_ends_the_first(api: Simulator, bot: Bot) -> None:
    """And neither may poll while a webhook is set."""
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await asyncio.sleep(0.2)
    second = asyncio.create_task(bot.get_updates(timeout=1))
    with pytest.raises(TelegramAPIError, match="terminated by other getUpdates"):
        await first
    await second
    await bot.set_webhook("https://example.ru/hook")
    with pytest.raises(TelegramAPIError, match="webhook is active"):
        await bot.get_updates()


def _contract() -> dict[str, Any]:
    if not CONTRACT.exists():
        pytest.skip("the Bot API's description is not part of the project")
    loaded: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", PARAMETERS)
def test_its_parameters_are_the_real_ones(name: str) -> None:
    """Names, types and which are required, by the vendor's own description."""
    real = {one["name"]: one for one in _contract()["methods"][name].get("fields", [])}
    for parameter, kind in PARAMETERS[name].items():
        assert kind in real[parameter]["types"]
    assert REQUIRED.get(name, frozenset()) == {one for one, told in real.items() if told["required"]}


async def test_its_answers_and_updates_have_the_real_types(api: Simulator, bot: Bot, anna: Somebody) -> None:
    """Every field that it sends is the real type's, and none that the type needs is missing."""
    types = _contract()["types"]
    raw = httpx.AsyncClient(base_url=f"{api.url}/bot{TOKEN}/")
    first = anna.write("/start")
    anna.forward(anna.write("group words", chat=-100), anna)
    anna.edit(first, "/start again")
    call = {
        "chat_id": ANNA,
        "text": "<b>x</b>",
        "parse_mode": "HTML",
        "reply_markup": YES.model_dump(exclude_none=True),
    }
    sent = (await raw.post("sendMessage", json=call)).json()["result"]
    anna.tap(sent, "Yes")
    _fits(types, "Message", sent)
    _fits(types, "User", (await raw.get("getMe")).json()["result"])
    _fits(types, "WebhookInfo", (await raw.get("getWebhookInfo")).json()["result"])
    updates = (await raw.get("getUpdates")).json()["result"]
    assert len(updates) == 5
    for update in updates:
        _fits(types, "Update", update)
    await raw.aclose()
    assert await bot.set_my_commands([BotCommand(command="help", description="Help")])


def _fits(types: dict[str, Any], kind: str, value: Any) -> None:
    """Assert that a value is one of a type of the description."""
    if kind.startswith("Array of "):
        for item in value:
            _fits(types, kind.removeprefix("Array of "), item)
    elif plain := {"Integer": int, "String": str, "Boolean": bool, "True": bool}.get(kind):
        assert isinstance(value, plain), (kind, value)
    elif subtypes := types[kind].get("subtypes"):
        fitting = [one for one in subtypes if value.keys() <= {field["name"] for field in types[one]["fields"]}]
        assert fitting, (kind, value)
        _fits(types, fitting[0], value)
    else:
        fields = {field["name"]: field for field in types[kind]["fields"]}
        assert value.keys() <= fields.keys(), (kind, value.keys() - fields.keys())
        assert {name for name, field in fields.items() if field["required"]} <= value.keys(), (kind, value)
        for name, item in value.items():
            _fits(types, fields[name]["types"][0], item)
