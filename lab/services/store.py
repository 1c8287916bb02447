"""The shop's store of orders: an append-only signed log in a data directory of limited size."""

import errno
import hashlib
import hmac
import json
import stat
import threading
from logging import Logger
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.services.jsonhttp import Answer, serve
from lab.services.process import BAD_CONFIG, Condition, begin

MB = 1024 * 1024
PROBE = b"probe " * 100


def directory_size(path: Path) -> int:
    """Bytes of all files below `path`; files that vanish meanwhile count as nothing."""
    size = 0
    for file in path.rglob("*"):
        try:
            size += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return size


class Orders:
    """Orders by id, each change one signed line of `orders.log`."""

    def __init__(self, directory: Path, limit_mb: float, key: bytes) -> None:
        self.directory, self.limit_mb, self.key = directory, limit_mb, key
        self.file = directory / "orders.log"
        self.lock = threading.Lock()
        self.orders: dict[str, dict[str, Any]] = {}
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            signature, _, text = line.partition(" ")
            if hmac.compare_digest(signature, self._sign(text)):
                order = json.loads(text)
                self.orders[order["id"]] = order

    def put(self, order: dict[str, Any]) -> dict[str, Any]:
        """Store a new order or a new state of one; raises OSError ENOSPC when the directory is full."""
        with self.lock:
            order = {"id": f"order-{len(self.orders) + 1}", "status": "new", **order}
            text = json.dumps(order)
            self._write(self.file, f"{self._sign(text)} {text}\n".encode())
            self.orders[order["id"]] = order
        return order

    def probe(self) -> None:
        """Write and remove a small file, as the next order would be written."""
        with self.lock:
            probe = self.directory / ".probe"
            self._write(probe, PROBE)
            probe.unlink()

    def _write(self, path: Path, data: bytes) -> None:
        used = directory_size(self.directory)
        if used + len(data) > self.limit_mb * MB:
            reason = f"no space left in {self.directory}: {used / MB:.1f} of {self.limit_mb:g} MB used"
            raise OSError(errno.ENOSPC, reason)
        with path.open("ab") as file:
            file.write(data)

    def _sign(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:16]


def read_key(path: Path, log: Logger) -> bytes:
    """Read the signing key, if nobody but its owner may; checks the mode bits, so root is held to them too."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            log.error("refusing to start: %s has mode %04o, accessible by others; wanted mode 0600", path, mode)
            raise SystemExit(BAD_CONFIG)
        return path.read_bytes()
    except OSError as error:
        log.error("cannot read %s: %s", path, error.strerror)
        raise SystemExit(BAD_CONFIG) from None


def main() -> None:
    """Run the store."""
    log, config = begin("store", {"port": int, "data_dir": str, "temp_dir": str, "limit_mb": int, "key": str})
    Path(config["temp_dir"]).mkdir(parents=True, exist_ok=True)
    orders = Orders(Path(config["data_dir"]), config["limit_mb"], read_key(Path(config["key"]), log))

    space = Condition(log, "space is left again")

    def handle(method: str, path: str, body: Any) -> Answer:
        url = urlsplit(path)
        try:
            answer = _handle(orders, method, url.path, url.query, body)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            space.is_now(error.strerror or str(error))
            return 507, {"error": error.strerror}
        if url.path == "/health":
            space.is_now("")
        return answer

    serve(config["port"], handle, log)


def _handle(orders: Orders, method: str, path: str, query: str, body: Any) -> Answer:
    match method, path.strip("/").split("/"):
        case "GET", ["health"]:
            orders.probe()
            return 200, {"status": "ok", "orders": len(orders.orders)}
        case "GET", ["orders"]:
            wanted = query.removeprefix("status=")
            return 200, [order for order in list(orders.orders.values()) if wanted in ("", order["status"])]
        case "POST", ["orders"] if isinstance(body, dict):
            return 201, orders.put({key: body[key] for key in body.keys() - {"id", "status"}})
        case "GET", ["orders", name] if name in orders.orders:
            return 200, orders.orders[name]
        case "POST", ["orders", name] if name in orders.orders and isinstance(body, dict):
            return 200, orders.put({**orders.orders[name], "status": str(body.get("status", "new"))})
        case "POST", _:
            return 400, {"error": "an order is a JSON object"}
    return 404, {"error": f"nothing at {path}"}


if __name__ == "__main__":
    main()
