"""`python -m evals.security [SUITE …]`: every attack on the gate, with it and without, as JSON."""

import asyncio
import json
import sys
import warnings

from evals.security.measure import measure, misses
from naryad.errors import NaryadError
from naryad.observability import quiet_logs

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    quiet_logs()
    try:
        report = asyncio.run(measure(sys.argv[1:], lambda text: print(text, file=sys.stderr, flush=True)))
    except NaryadError as error:
        raise SystemExit(error.message) from None
    print(json.dumps(report, indent=2))
    if missed := misses(report):
        raise SystemExit("\n".join(missed))
