"""What a message may hold: text, HTML or entities, buttons; refused in the words of the real API."""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

MOST_CHARS = 4096
MOST_CALLBACK_BYTES = 64
_TAGS = {
    tag: kind
    for kind, tags in {
        "bold": ("b", "strong"),
        "italic": ("i", "em"),
        "underline": ("u", "ins"),
        "strikethrough": ("s", "strike", "del"),
        "code": ("code",),
        "pre": ("pre",),
        "text_link": ("a",),
        "blockquote": ("blockquote",),
        "spoiler": ("tg-spoiler",),
    }.items()
    for tag in tags
}


class Refusal(Exception):
    """The API says no.

    Args:
        code: Its error code, which is the HTTP status too.
        description: Its words.
        parameters: `retry_after` and the like.
    """

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(words: str) -> Refusal:
    """A refusal of a wrong request."""
    return Refusal(400, f"Bad Request: {words}")


def units(text: str) -> int:
    """Length as Telegram counts: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def worded(params: Mapping[str, Any]) -> dict[str, Any]:
    """The `text` and `entities` that a message gets from a request."""
    text, mode = params.get("text", ""), params.get("parse_mode", "")
    entities = params.get("entities") or []
    if mode:
        if mode.upper() != "HTML":
            raise bad(f"unsupported parse_mode {mode}: the simulator knows HTML and entities")
        text, entities = _Html.parsed(text)
    if not text.strip():
        raise bad("message text is empty")
    if units(text) > MOST_CHARS:
        raise bad("message is too long")
    for entity in entities:
        end = entity["offset"] + entity["length"]
        if entity["offset"] < 0 or entity["length"] <= 0 or end > units(text):
            raise bad(f"entity beginning at UTF-16 offset {entity['offset']} ends after the end of the text")
    return {"text": text, **({"entities": entities} if entities else {})}


def buttons(markup: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The buttons of an inline keyboard; refuses one that could not be pressed."""
    for button in (button for row in markup.get("inline_keyboard", ()) for button in row):
        if not button.get("text"):
            raise bad("can't parse inline keyboard button: Text buttons must be non-empty")
        data = button.get("callback_data")
        if data is None and "url" not in button:
            raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
        if data is not None and not 0 < len(data.encode()) <= MOST_CALLBACK_BYTES:
            raise bad("BUTTON_DATA_INVALID")
        yield button


class _Html(HTMLParser):
    """Telegram's few tags; whatever else looks like one is refused."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.entities: list[dict[str, Any]] = []
        self._open: list[tuple[str, dict[str, Any]]] = []

    @classmethod
    def parsed(cls, text: str) -> tuple[str, list[dict[str, Any]]]:
        parser = cls()
        parser.feed(text)
        parser.close()
        if parser._open:
            raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{parser._open[-1][0]}\"")
        return parser.text, sorted(parser.entities, key=lambda entity: entity["offset"])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an entity."""
        if tag not in _TAGS:
            raise bad(f'can\'t parse entities: Unsupported start tag "{tag}"')
        link = {"url": dict(attrs).get("href") or ""} if tag == "a" else {}
        self._open.append((tag, {"type": _TAGS[tag], "offset": units(self.text), **link}))

    def handle_endtag(self, tag: str) -> None:
        """End the innermost entity, which must be this one."""
        if not self._open or self._open[-1][0] != tag:
            raise bad(f'can\'t parse entities: Unexpected end tag "{tag}"')
        _tag, entity = self._open.pop()
        if length := units(self.text) - entity["offset"]:
            self.entities.append({**entity, "length": length})

    def handle_data(self, data: str) -> None:
        """Plain text."""
        self.text += data
