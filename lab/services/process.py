"""What every service of the shop does first: read its configuration, open its log, end cleanly on SIGTERM."""

import argparse
import logging
import os
import re
import signal
import sys
import time
import tomllib
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from lab.lifeline import die_with_parent
from lab.services import VERSION

BAD_CONFIG = 2
"""Exit status of a service whose configuration is wrong."""


def begin(name: str, required: dict[str, type]) -> tuple[logging.Logger, dict[str, Any]]:
    """Set the process up and read `--config`.

    Args:
        name: The service's name, as its log shows it.
        required: Type of each key that the configuration must have.

    Raises:
        SystemExit: With `BAD_CONFIG`, after an ERROR line that names the file and the line or key.
    """
    die_with_parent()
    log = _log(name)
    parser = argparse.ArgumentParser(prog=f"lab.services.{name}")
    parser.add_argument("--config", type=Path, required=True)
    config = _read(parser.parse_args().config, required, log)
    log.info("started pid=%d version=%s port=%s", os.getpid(), VERSION, config["port"])
    return log, config


class Condition:
    """Something that is wrong or not, logged when it changes rather than each time it is seen."""

    def __init__(self, log: logging.Logger, well: str) -> None:
        self.log, self.well, self.error = log, well, ""

    def is_now(self, error: str) -> None:
        """Take note of what is wrong; nothing when empty."""
        if error and error != self.error:
            self.log.error("%s", error)
        elif self.error and not error:
            self.log.info("%s", self.well)
        self.error = error


def _log(name: str) -> logging.Logger:
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)  # the supervisor writes it to log/<name>.log
    handler.setFormatter(formatter)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    def stop(_signum: int, _frame: FrameType | None) -> NoReturn:
        log.info("stopping on SIGTERM")
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    return log


def _read(path: Path, required: dict[str, type], log: logging.Logger) -> dict[str, Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        log.error("cannot read the configuration %s: %s", path, error)
        raise SystemExit(BAD_CONFIG) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        log.error("bad configuration %s:%s: %s", path, line[1] if line else "end", error)
        raise SystemExit(BAD_CONFIG) from None
    for key, kind in required.items():
        if not isinstance(config.get(key), kind):
            log.error("bad configuration %s: key %r must be %s", path, key, kind.__name__)
            raise SystemExit(BAD_CONFIG)
    return config
