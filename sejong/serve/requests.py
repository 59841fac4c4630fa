"""What clients may ask, in OpenAI's form. A parameter that would change the answer and is not supported is refused by name."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from sejong.errors import did_you_mean
from sejong.serve.text import Message

# OpenAI's parameters that this service does not have, with the values that change nothing and are therefore accepted.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False, 0),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True, False),
    "prediction": (),
    "reasoning_effort": (),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "tool_choice": ("none",),
    "tools": ([],),
    "top_logprobs": (0,),
    "verbosity": (),
    "web_search_options": (),
}
# They describe the caller, not the answer.
ABOUT_THE_CALLER = ("metadata", "prompt_cache_key", "safety_identifier", "user")


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(_Asked):
    """A part of a message's content; only text is understood."""

    type: Literal["text"]
    text: str


class ChatMessage(_Asked):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        # An assistant's message that a client sends back brings fields such as `refusal: null`.
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    def plain(self) -> Message:
        """Role and text; a developer is the system."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(_Asked):
    """What a stream holds beside the answer."""

    include_usage: bool = False
    include_obfuscation: Literal[False] = False


class Extension(_Asked):
    """This service's own parameters."""

    grounded: bool = Field(default=True, description="answer from passages of the corpus; false: the model alone")


def _as_list(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


StopTexts = Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(max_length=4), BeforeValidator(_as_list)]


class _Generation(_Asked):
    """Parameters that both ways of asking have."""

    model: str = Field(description="a name that /v1/models lists")
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: StopTexts = []
    stream: bool = False
    stream_options: StreamOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _supported(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        try:
            json.dumps(given, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise refusal("invalid_value", "", "a text of the request holds half a character (a lone surrogate)") from error
        asked = {key: value for key, value in given.items() if value is not None and key not in ABOUT_THE_CALLER}
        for name in list(asked):
            if name in NEUTRAL and name not in cls.model_fields:
                if not any(asked[name] == value and type(asked[name]) is type(value) for value in NEUTRAL[name]):
                    raise refusal("unsupported_parameter", name, _only(name))
                del asked[name]
            elif name not in cls.model_fields:
                raise refusal(
                    "unknown_parameter", name, f"there is no parameter `{name}`: {did_you_mean(name, cls.model_fields)}"
                )
        if "stream_options" in asked and not asked.get("stream"):
            raise refusal("invalid_value", "stream_options", "`stream_options` is only allowed with `stream: true`")
        return asked

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with the usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(_Generation):
    """A question with what was said before."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    sejong: Extension = Extension()

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.messages[-1].role != "user":
            raise refusal("invalid_value", "messages", "the last of `messages` must be the user's")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise refusal("invalid_value", "max_tokens", "`max_tokens` and `max_completion_tokens` differ: give one of them")
        return self

    @property
    def most_tokens(self) -> int | None:
        """The most tokens to generate; None: as the service sees fit."""
        return self.max_completion_tokens or self.max_tokens


class CompletionRequest(_Generation):
    """A text to continue: one text, or one list of token ids."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)] | Annotated[list[int], Field(min_length=1)]


def refusal(kind: str, parameter: str, message: str) -> PydanticCustomError:
    """A validation error that carries OpenAI's code and the parameter's name."""
    # The message is given as a value: it may hold braces, which the template would read as places.
    return PydanticCustomError(kind, "{message}", {"message": message, "parameter": parameter})


def _only(name: str) -> str:
    accepted = " or ".join(f"{value!r}" for value in NEUTRAL[name])
    return f"`{name}` is not supported by this service" + (f", except as {accepted}" if accepted else "")
