"""Where Telegram delivers updates when the bot works by webhook."""
