"""The version of an agent: one short word that changes when its prompts, its code or its models do."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import graphs
from agents.registry import Crew
from naryad import prompts
from naryad.sentinel.recorder import Made

CHARS = 8
_SHARED = "local"
"""The prompts that every agent's local model gets."""


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """What an agent is made of.

    Attributes:
        digest: Of its prompts, the code of its graph and its models' names.
        release: The release of the product.
        models: The models of the chain, in the order in which they are asked.
        prompts: Digest of its prompts alone.
    """

    digest: str
    release: str
    models: str
    prompts: str = ""

    @property
    def made(self) -> Made:
        """As the sentinel records it."""
        return Made(self.digest, self.prompts)


def of_crew(crew: Crew) -> dict[str, AgentVersion]:
    """The version of each agent of a crew."""
    models = [one.model for one in crew.runtime.chain.status]
    return {agent: of(agent, models) for agent in crew.runs.agents}


def of(agent: str, models: Sequence[str]) -> AgentVersion:
    """The version of an agent on a chain of models; the same in every process of one install."""
    release, names = version("naryad"), ",".join(models)
    whole, words = hashlib.sha256(f"{release}\n{names}\n".encode()), hashlib.sha256()
    for file in _files(agent):
        content = f"{file.parent.name}/{file.name}\n".encode() + file.read_bytes()
        whole.update(content)
        if file.suffix == ".md":
            words.update(content)
    return AgentVersion(whole.hexdigest()[:CHARS], release, names, words.hexdigest()[:CHARS])


def _files(agent: str) -> Iterable[Path]:
    code, words = Path(graphs.__file__).parent, prompts.folder()
    found = [*code.glob("*.py"), *(code / agent).rglob("*.py")]
    found += [file for folder in (agent, _SHARED) for file in (words / folder).rglob("*.md")]
    return sorted(found)
