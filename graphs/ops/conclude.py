"""How a model ends its search: claims with their evidence, and a playbook. Stating it changes nothing."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from naryad.tooling import Risk, Toolset, tool


class StatedClaim(BaseModel):
    """One claim about the cause."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: str = Field(description="What is wrong, in one sentence", min_length=1, max_length=1_000)
    evidence: list[str] = Field(description="Ids of the observations that show it, such as e3", max_length=50)


Claims = Annotated[list[StatedClaim], Field(max_length=20)]
Title = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f]*$")]
Playbook = Annotated[str, Field(max_length=64 * 1024)]


class ConclusionTools(Toolset):
    """The last call of a diagnosis."""

    prefix = "incident"

    @tool(Risk.READ)
    async def conclude(self, claims: Claims, title: Title, playbook: Playbook, rollback: Playbook = "") -> str:
        """State the cause and propose the repair. A claim without evidence is dropped; people approve the playbook.

        Args:
            claims: What is wrong, each claim with the ids of the observations that show it.
            title: The repair in one line, for the person who approves it.
            playbook: The whole Ansible playbook as YAML; empty if you know no safe repair.
            rollback: A playbook that undoes the repair, where one exists.
        """
        return "Stated."


NAME = "incident_conclude"
