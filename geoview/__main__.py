"""``python -m geoview``, the frozen program, and the window without a terminal."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

WORKER = "--training-worker"


def main() -> int:
    """The command line, or a training worker that the program started as itself."""
    multiprocessing.freeze_support()
    if len(sys.argv) == 3 and sys.argv[1] == WORKER:
        from geoview.training.worker import main as work

        return work(Path(sys.argv[2]))
    from geoview.cli import main as command_line

    return command_line()


def window() -> int:
    """The window, for a start from the desktop: there may be no stdout or stderr."""
    multiprocessing.freeze_support()
    if len(sys.argv) == 3 and sys.argv[1] == WORKER:
        return main()
    from geoview import logs

    logs.start()
    try:
        from geoview.app.main import run

        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        return int(run(folder) or 0)
    finally:
        logs.stop()


if __name__ == "__main__":
    sys.exit(main())
