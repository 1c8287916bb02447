"""Why a person is not let in; each is said in the same words whether the account exists or not."""

from naryad.errors import Refused


class NotSignedIn(Refused):
    """What was shown does not prove who it is."""


class SecondFactorNeeded(NotSignedIn):
    """The password was right, and the account wants a code besides."""


class TooSoon(Refused):
    """It was tried too often.

    Args:
        message: What to do.
        wait: Seconds until it may be tried again.
    """

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait
