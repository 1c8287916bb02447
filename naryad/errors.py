"""Errors the product raises on purpose."""

from pathlib import Path


class NaryadError(Exception):
    """Base of every deliberate error; `message` is safe to show to a user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(NaryadError):
    """A file or a variable that a person wrote is wrong; says where.

    Args:
        message: What is wrong and what is expected.
        source: The file, or the name of the environment.
        line: Line in the file, from 1, where known.
        field: Dotted path of the field, where known.
    """

    def __init__(self, message: str, *, source: Path | str, line: int | None = None, field: str = "") -> None:
        place = f"{source}:{line}" if line else str(source)
        super().__init__(f"{place}: {field}: {message}" if field else f"{place}: {message}")
        self.source, self.line, self.field = str(source), line, field


class NotFound(NaryadError):
    """What was named does not exist."""


class Refused(NaryadError):
    """The person or the state does not allow it; nothing was changed."""


class ToolFailed(NaryadError):
    """The external system refused or could not be reached; the model sees the message.

    Args:
        message: What failed.
        data: What is known all the same, for code: for example what had been changed by then.
    """

    def __init__(self, message: str, *, data: object = None) -> None:
        super().__init__(message)
        self.data = data


class LLMUnavailable(NaryadError):
    """No provider of the chain can answer now; the caller takes its deterministic path."""


class OutcomeUnknown(ToolFailed):
    """The call was sent, but whether it took effect is not known; it is never simply repeated."""
