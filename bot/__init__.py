"""The Telegram bot: one router a file."""
