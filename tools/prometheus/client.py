"""One Prometheus server; the only place that touches prometheus-api-client, which blocks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from naryad import masking
from naryad.errors import ToolFailed

T = TypeVar("T")

_LIMITS_S = (2.0, 20.0)
"""To connect, and to answer."""
_QUERY_S = 15
"""After so long the server itself gives a query up."""
_ANSWER_BYTES = 32 * 1024 * 1024


class PrometheusClient:
    """Asks over Prometheus' HTTP API. Every method blocks: call it in a thread.

    Args:
        url: The server's address, with user and password where it asks for them.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def query(self, query: str) -> Any:
        """Raw `result` of an instant query: a list of series, or one `[time, value]`."""
        return self._ask(lambda api, _: api.custom_query(query, params={"timeout": _QUERY_S}))

    def query_range(self, query: str, end: datetime, span: timedelta, step_s: int) -> list[Any]:
        """Raw series of a range query."""

        def ask(api: Any, _: Any) -> Any:
            return api.custom_query_range(query, end - span, end, str(step_s), params={"timeout": _QUERY_S})

        found: list[Any] = self._ask(ask)
        return found

    def series(self, match: str) -> list[dict[str, str]]:
        """Labels of the series of the last hour."""
        now = datetime.now(UTC)

        def ask(api: Any, _: Any) -> Any:
            return api.get_series(now - timedelta(hours=1), now, params={"match[]": match})

        found: list[dict[str, str]] = self._ask(ask)
        return found

    def targets(self) -> list[dict[str, Any]]:
        """Active targets as the API gives them."""
        found: list[dict[str, Any]] = self._ask(lambda api, _: api.get_targets(state="active")["activeTargets"])
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Active alerts as the API gives them; the library has no call for these."""

        def ask(_: Any, session: Any) -> Any:
            return session.get(f"{self.url}/api/v1/alerts", timeout=_LIMITS_S).json()["data"]["alerts"]

        found: list[dict[str, Any]] = self._ask(ask)
        return found

    def _ask(self, question: Callable[[Any, Any], T]) -> T:
        import requests
        from prometheus_api_client import PrometheusConnect
        from prometheus_api_client.exceptions import PrometheusApiClientException

        session = requests.Session()
        session.hooks["response"].append(_look)
        # Without retries: the library's own three take six seconds to tell of a dead server.
        api = PrometheusConnect(self.url, retry=0, session=session, timeout=_LIMITS_S)
        try:
            with api:
                return question(api, session)
        except requests.Timeout as error:
            raise ToolFailed(f"{self._named}: no answer in time.") from error
        except requests.ConnectionError as error:
            raise ToolFailed(f"{self._named}: cannot be reached ({_cause(error)}).") from error
        except (requests.RequestException, PrometheusApiClientException, ValueError, KeyError, TypeError) as error:
            raise ToolFailed(f"{self._named}: gave an answer that is not Prometheus'.") from error

    @property
    def _named(self) -> str:
        return masking.secrets(f"Prometheus at {self.url}")


class _Bounded:
    """A response's body that ends in a failure when it does not end in time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self, size: int, *, decode_content: bool) -> Iterator[bytes]:
        read = 0
        for chunk in self._raw.stream(size, decode_content=decode_content):
            read += len(chunk)
            if read > _ANSWER_BYTES:
                self._raw.close()
                raise ToolFailed(f"Prometheus answers with more than {_ANSWER_BYTES >> 20} MB; narrow the query.")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _look(response: Any, **_: Any) -> None:
    """Tell a refusal in Prometheus' own words; the library would give the bytes of its JSON."""
    response.raw = _Bounded(response.raw)
    if response.status_code == 200:
        return
    try:
        said = response.json()
        text = f"{said['errorType']}: {said['error']}"
    except (ValueError, KeyError, TypeError):
        text = " ".join(response.text[:500].split())
    raise ToolFailed(f"Prometheus refused (HTTP {response.status_code}): {masking.secrets(text[:1000])}")


def _cause(error: BaseException) -> str:
    """The socket's own words inside three libraries' wrappings."""
    link: BaseException | None = error
    while link is not None:
        if words := getattr(link, "strerror", None):
            return str(words)
        link = link.__cause__ or link.__context__
    return "no connection"
