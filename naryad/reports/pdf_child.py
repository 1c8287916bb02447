"""Reads a page from its input and writes it as PDF to its output; loads nothing from anywhere."""

import resource
import sys

from weasyprint import HTML  # type: ignore[import-untyped]
from weasyprint.urls import FatalURLFetchingError, URLFetcher  # type: ignore[import-untyped]

MEMORY = 2 * 2**30


class Nothing(URLFetcher):  # type: ignore[misc]
    """Fetches nothing: a page that wants something from elsewhere is a mistake of ours, or somebody's attack."""

    def fetch(self, url: str, headers: object = None) -> None:
        """Refuse."""
        raise FatalURLFetchingError(f"a report loads nothing, not even {url[:100]}")


def main() -> None:
    """Make one PDF, within limits of memory and time."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    page = HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=Nothing())
    sys.stdout.buffer.write(page.write_pdf())


if __name__ == "__main__":
    main()
