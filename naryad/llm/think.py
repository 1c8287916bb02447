"""Takes a model's `<think>` blocks out of its text as it streams."""

import re

_TAG = re.compile(r"<(/?)think>")
_LONGEST = len("</think>")


class ThinkFilter:
    """Passes on the visible text; a tag may be split across pieces at any point.

    Attributes:
        withdrawn: A `</think>` came that nothing had opened (some chat templates open the block inside the
            prompt): all text shown so far was thinking. The caller takes it back and clears the flag.
    """

    def __init__(self) -> None:
        self.withdrawn = False
        self._held = ""
        self._inside = False
        self._at_start = True

    def feed(self, piece: str) -> str:
        """The visible text that is now certain."""
        self._held += piece
        shown = ""
        while match := _TAG.search(self._held):
            before, self._held = self._held[: match.start()], self._held[match.end() :]
            closing = bool(match.group(1))
            if closing and not self._inside:
                shown, self.withdrawn, self._at_start = "", True, True
            elif not self._inside:
                shown += self._trimmed(before)
            self._inside = not closing
        certain = len(self._held) - _open_end(self._held)
        if not self._inside:
            shown += self._trimmed(self._held[:certain])
        self._held = self._held[certain:]
        return shown

    def finish(self) -> str:
        """What was held back as a possible tag; nothing of a block that never closed."""
        held, self._held = self._held, ""
        return "" if self._inside else self._trimmed(held)

    def _trimmed(self, text: str) -> str:
        """Blank lines between the thinking and the answer belong to neither."""
        if self._at_start:
            text = text.lstrip()
            self._at_start = not text
        return text


def _open_end(text: str) -> int:
    """Length of the longest end of `text` that may yet become a tag."""
    tail = text[-_LONGEST + 1 :]
    start = tail.rfind("<")
    if start < 0:
        return 0
    end = tail[start:]
    return len(end) if "<think>".startswith(end) or "</think>".startswith(end) else 0


def without_thinking(text: str) -> str:
    """The visible part of a whole text."""
    think = ThinkFilter()
    shown = think.feed(text)
    return shown + think.finish()
