"""A trial of a model file: load it, ask it one question, measure."""

import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from langchain_core.messages import HumanMessage

from naryad.errors import LLMUnavailable, NaryadError
from naryad.i18n import _
from naryad.llm.failure import Failure, settled, translated
from naryad.llm.local import LocalProvider
from naryad.llm.provider import Request

QUESTION = "Name three things a system administrator checks first when a server is slow."
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model did.

    Attributes:
        load_s: Seconds until it was ready.
        first_token_s: Seconds from the question to the first token.
        tokens_per_s: Speed of the tokens after the first.
        answer: What it said.
    """

    load_s: float
    first_token_s: float
    tokens_per_s: float
    answer: str


async def check(path: Path, *, log_dir: Path, patience_s: float = 120, max_tokens: int = 64) -> Trial:
    """Load the model and ask one question.

    Args:
        path: The GGUF file.
        log_dir: Where the server's output goes.
        patience_s: Longest wait for a token.
        max_tokens: Longest answer.

    Raises:
        NaryadError: The file is no model.
        LLMUnavailable: It cannot be loaded or does not answer.
    """
    if not _is_gguf(path):
        raise NaryadError(_("{path} is not a GGUF model file.").format(path=path))
    provider = LocalProvider(path, log=log_dir / "llama.log", gap_s=patience_s)
    started = time.monotonic()
    try:
        await settled(provider.ready())
        loaded = time.monotonic()
        request = Request((HumanMessage(QUESTION),), max_tokens=max_tokens)
        moments, answer = [], ""
        async with aclosing(translated(provider.stream(request, first_token_s=patience_s))) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    moments.append(time.monotonic())
                    answer += chunk.text
    except Failure as failure:
        raise LLMUnavailable(f"{path.name}: {failure.reason}") from failure
    finally:
        await provider.close()
    if not moments:
        raise LLMUnavailable(_("{path} gave an empty answer.").format(path=path))
    speed = (len(moments) - 1) / max(moments[-1] - moments[0], 1e-6)
    return Trial(loaded - started, moments[0] - loaded, speed, answer)


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
