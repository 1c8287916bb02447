"""Who sends an update: Telegram shows the secret that it was told together with the webhook's address."""

import hmac

from naryad.settings import Settings

HEADER = "X-Telegram-Bot-Api-Secret-Token"


def proven(shown: str, settings: Settings) -> bool:
    """Whether what was shown is the secret; nothing is where none was set."""
    wanted = settings.telegram_webhook_secret
    return bool(wanted and hmac.compare_digest(shown.encode(), wanted.get_secret_value().encode()))
