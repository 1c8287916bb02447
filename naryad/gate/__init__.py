"""The one door between an agent and the outside world."""
