"""The lab's supervisord: the real one, ending with the process that started it. Run as `python -m lab.supervisord`."""

import os
import sys

from supervisor.supervisord import main

from lab.lifeline import PARENT, die_with_parent

if __name__ == "__main__":
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())
    main(sys.argv[1:])
