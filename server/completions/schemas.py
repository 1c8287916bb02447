"""OpenAI's chat completions, as far as they mean something here: https://platform.openai.com/docs/api-reference/chat."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from naryad.i18n import _
from server.chat.schemas import ID_CHARS, TEXT_CHARS, Said

MESSAGES = 1_000
_OF_CLIENTS = ("tools", "functions", "tool_choice", "function_call")
_UNSUPPORTED = ("logprobs", "audio", "response_format", "prediction")


class Part(BaseModel):
    """A piece of a message; only texts are understood."""

    type: Literal["text"]
    text: str = Field(max_length=10 * TEXT_CHARS)


class ChatMessage(BaseModel):
    """One message of the conversation so far."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=10 * TEXT_CHARS)] | Annotated[list[Part], Field(max_length=100)]

    @property
    def text(self) -> str:
        """The message's text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream holds besides the answer."""

    include_usage: bool = False


class Completion(BaseModel):
    """A question; what tunes a model (`temperature` and the like) is ignored: an agent chooses its own."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=ID_CHARS)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    metadata: dict[str, str] | None = None

    @model_validator(mode="after")
    def _understood(self) -> Self:
        said: dict[str, Any] = self.model_extra or {}
        if any(said.get(name) not in (None, [], "none") for name in _OF_CLIENTS):
            raise ValueError(_("tools of the client are not supported: Naryad's agents have tools of their own"))
        for name in _UNSUPPORTED:
            if said.get(name) not in (None, False, {"type": "text"}):
                raise ValueError(_("{name} is not supported").format(name=name))
        if self.messages[-1].role != "user":
            raise ValueError(_("the last message must be the user's"))
        Question(text=self.messages[-1].text)
        return self

    @property
    def question(self) -> str:
        """The last message: what is asked now."""
        return Question(text=self.messages[-1].text).text


class Question(BaseModel):
    """What may be asked."""

    text: Said


class Usage(BaseModel):
    """Tokens: what the model told of the run where it did, else estimated by the texts' length."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Answer(BaseModel):
    """The agent's message."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The one answer."""

    index: Literal[0] = 0
    message: Answer
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(BaseModel):
    """An answer; `thread` is the conversation that it belongs to."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    thread: str


class Model(BaseModel):
    """An agent, as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["naryad"] = "naryad"


class Models(BaseModel):
    """The agents that the caller may talk with."""

    object: Literal["list"] = "list"
    data: list[Model]


class Fault(BaseModel):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class FaultBody(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault
