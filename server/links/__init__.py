"""Linking one's account to Telegram."""
