"""Settings that nothing around can change: not the database, the policy or the accounts of whoever measures."""

from typing import Any

from naryad.settings import Settings


class Bare(Settings):
    """Settings that the environment and `.env` say nothing to."""

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the others are not looked at
        cls, settings_cls: Any, init_settings: Any, **_others: Any
    ) -> tuple[Any, ...]:
        """What the constructor is given, and nothing else."""
        return (init_settings,)
