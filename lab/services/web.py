"""The shop's front: takes orders and stores them through the store."""

from typing import Any

from lab.services import VERSION
from lab.services.jsonhttp import Answer, Unreachable, call, serve
from lab.services.process import Condition, begin


def main() -> None:
    """Run the front."""
    log, config = begin("web", {"port": int, "store_url": str, "store_timeout_s": float})

    dependency = Condition(log, "store works again")

    def store(method: str, path: str, body: Any = None) -> Answer:
        return call(method, config["store_url"] + path, body, timeout_s=config["store_timeout_s"])

    def health() -> Answer:
        try:
            status, answer = store("GET", "/health")
            error = "" if status == 200 else f"{status}: {answer.get('error', answer)}"
        except Unreachable as unreachable:
            error = str(unreachable)
        dependency.is_now(error and f"degraded: store: {error}")
        if error:
            return 503, {"status": "degraded", "dependency": "store", "error": error}
        return 200, {"status": "ok"}

    def handle(method: str, path: str, body: Any) -> Answer:
        match method, path:
            case "GET", "/":
                return 200, {"shop": "naryad lab", "version": VERSION}
            case "GET", "/health":
                return health()
            case "POST", "/orders":
                try:
                    status, answer = store("POST", "/orders", body)
                except Unreachable as unreachable:
                    status, answer = 503, {"error": str(unreachable)}
                if status >= 500:
                    log.error("order not stored: %s", answer["error"])
                return status, answer
        return 404, {"error": f"nothing at {path}"}

    serve(config["port"], handle, log)


if __name__ == "__main__":
    main()
