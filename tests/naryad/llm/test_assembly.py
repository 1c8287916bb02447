"""Which chain the settings give."""

import subprocess
import sys
from pathlib import Path

import pytest

from naryad.errors import ConfigError
from naryad.llm.assembly import answers
from naryad.llm.cache import MemoryCache, RedisCache
from naryad.llm.chain import build_chain
from naryad.settings import load

MODEL = Path("/models/qwen.gguf")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, []),
        ({"OPENAI_API_KEY": "sk-x"}, ["openai"]),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, ["openai"]),
        ({"NARYAD_LOCAL_MODEL": MODEL}, ["local"]),
        ({"OPENAI_API_KEY": "sk-x", "NARYAD_LOCAL_MODEL": MODEL}, ["openai", "local"]),
        ({"OPENAI_API_KEY": "sk-x", "NARYAD_LOCAL_MODEL": MODEL, "ENABLE_LLM_FALLBACK": False}, ["openai"]),
        ({"OPENAI_API_KEY": "sk-x", "NARYAD_LOCAL_MODEL": MODEL, "NARYAD_MODEL": "none"}, []),
        ({"OPENAI_API_KEY": "sk-x", "NARYAD_LOCAL_MODEL": MODEL, "NARYAD_MODEL": "local"}, ["local"]),
        ({"OPENAI_API_KEY": "sk-x", "NARYAD_LOCAL_MODEL": MODEL, "NARYAD_MODEL": "openai"}, ["openai"]),
    ],
)
def test_settings_choose_the_providers(given: dict[str, object], names: list[str]) -> None:
    """What is configured is in the chain, in the order of preference; NARYAD_MODEL names one alone."""
    assert [status.name for status in build_chain(load(**given)).status] == names


def test_a_script_is_read_when_the_chain_is_built(tmp_path: Path) -> None:
    """A wrong file is found out at the start, not at the first question."""
    script = tmp_path / "s.yaml"
    script.write_text("- when: hi\n  turns: [{text: ho}]\n")
    assert build_chain(load(NARYAD_MODEL=f"scripted:{script}")).status[0].model == "s.yaml"
    script.write_text("- when: hi\n")
    with pytest.raises(ConfigError, match=r"s\.yaml:1: 0\.turns"):
        build_chain(load(NARYAD_MODEL=f"scripted:{script}"))


def test_local_without_a_file_is_a_wrong_setting() -> None:
    """The variable to set is named."""
    with pytest.raises(ConfigError, match="NARYAD_LOCAL_MODEL"):
        build_chain(load(NARYAD_MODEL="local"))


def test_settings_choose_the_cache() -> None:
    """Memory, Redis by URL, or none."""
    assert isinstance(answers(load()), MemoryCache)
    assert isinstance(answers(load(REDIS_URL="redis://127.0.0.1")), RedisCache)
    assert answers(load(REDIS_URL="redis://127.0.0.1", ENABLE_CACHING=False)) is None


def test_building_a_chain_imports_nothing_heavy() -> None:
    """The vendor libraries take a second to import: only the first question pays."""
    code = (
        "import sys; from naryad.settings import load; from naryad.llm.chain import build_chain;"
        "build_chain(load(OPENAI_API_KEY='x', NARYAD_LOCAL_MODEL='m.gguf', REDIS_URL='redis://x'));"
        "print([m for m in ('openai', 'langchain_openai', 'redis', 'llama_cpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
