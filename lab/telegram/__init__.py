"""A simulator of the Telegram Bot API: its real wire protocol over HTTP, and people to play."""
