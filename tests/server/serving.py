"""`naryad serve` as a process, with the agent that talks as it is told: `python -m tests.server.serving PORT`."""

import sys
from functools import partial

from cli.main import main
from server import app
from tests.server.chatting import talking_crew

app.create = partial(app.create, crew_of=talking_crew)

if __name__ == "__main__":
    main(["serve", "--port", sys.argv[1]])
