"""The command line. Light: torch, Qt and the rest are imported when a command needs them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import typer

from geoview import logs
from geoview.cli import explain, measure, photos, training  # noqa: F401  (they register their commands)
from geoview.cli.app import app
from geoview.commands import console
from geoview.errors import Cancelled, GeoViewError

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, given = _take_debug(given)
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal's encoding lacks must not end the run.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logs.start(debug=debug)
    log.info("geoview %s", " ".join(given))
    command = typer.main.get_command(app)
    try:
        return int(command.main(given, prog_name="geoview", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        console.say("Stopped.")
        return console.STOPPED
    except Exception as error:
        return _tell(error, debug=debug)
    finally:
        logs.stop()


def _take_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """``--debug`` may stand anywhere before ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    rest = [text for text in arguments[:end] if text != "--debug"] + arguments[end:]
    return len(rest) < len(arguments), rest


def _tell(error: Exception, *, debug: bool) -> int:
    """One clean line for the user; everything in the log, and on stderr with ``--debug``."""
    usage = getattr(error, "format_message", None)
    if usage is not None:
        words = str(usage()).rstrip(".")
        console.say(f"{words}. Try geoview --help, or --help after the command.", style="red")
        return console.NOTHING_DONE
    log.error("Ended by an error", exc_info=error)
    if debug:
        console.err().print_exception()
    if isinstance(error, Cancelled):
        console.say(str(error))
        return console.STOPPED
    if isinstance(error, GeoViewError):
        console.say(str(error), style="red")
    else:
        first = (str(error).splitlines() or [""])[0]
        words = f"Something went wrong ({type(error).__name__}: {first})."
        console.say(f"{words} The log has the details: {logs.log_file()}", style="red")
    return console.NOTHING_DONE
