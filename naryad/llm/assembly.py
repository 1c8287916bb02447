"""Which providers and which cache an install has, by its settings."""

from importlib.util import find_spec
from pathlib import Path

from naryad.errors import ConfigError
from naryad.llm.cache import Cache, MemoryCache, RedisCache
from naryad.llm.local import LocalProvider
from naryad.llm.openai import OpenAIProvider
from naryad.llm.provider import Provider
from naryad.llm.scripted import ScriptedProvider
from naryad.settings import Settings


def providers(settings: Settings) -> list[Provider]:
    """The providers in the order they are asked; NARYAD_MODEL names one, or they follow from what is configured.

    Raises:
        ConfigError: `local` without a model file, or a script file that is wrong.
    """
    match settings.model.partition(":"):
        case ("none", _, _):
            return []
        case ("scripted", _, file):
            return [ScriptedProvider.load(Path(file))]
        case ("openai", _, _):
            return [_openai(settings)]
        case ("local", _, _):
            return [_local(settings)]
    found: list[Provider] = []
    if settings.openai_api_key or settings.openai_base_url != _default_url():
        found.append(_openai(settings))
    if settings.local_model and settings.enable_llm_fallback:
        found.append(_local(settings))
    return found


def answers(settings: Settings) -> Cache | None:
    """Where answers are kept.

    Raises:
        ConfigError: REDIS_URL is set and redis-py is not installed.
    """
    if not settings.enable_caching:
        return None
    if settings.redis_url is None:
        return MemoryCache()
    if not find_spec("redis"):
        raise ConfigError("needs redis-py: pip install 'naryad[redis]'", source="environment", field="REDIS_URL")
    return RedisCache(settings.redis_url.get_secret_value())


def _default_url() -> str:
    return str(Settings.model_fields["openai_base_url"].default)


def _openai(settings: Settings) -> Provider:
    return OpenAIProvider(
        model=settings.openai_model,
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        timeout_s=settings.llm_timeout_s,
        official=settings.openai_base_url == _default_url(),
    )


def _local(settings: Settings) -> Provider:
    if settings.local_model is None:
        raise ConfigError(
            "NARYAD_MODEL=local needs the path of a GGUF file", source="environment", field="NARYAD_LOCAL_MODEL"
        )
    return LocalProvider(settings.local_model, gap_s=settings.llm_timeout_s, log=settings.home / "logs" / "llama.log")
