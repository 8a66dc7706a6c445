"""The program: its verbs, found by entry point, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cellwright.cli.verb import Verb, command_of
from cellwright.core.errors import CancelledError, CellwrightError, UsageError
from cellwright.core.registry import load_all
from cellwright.core.version import VERSION

__all__ = ["make_app", "run_app"]

USAGE, NOTHING, INTERRUPTED = 2, 3, 130


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cellwright {VERSION}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """Make the program of all verbs that are installed."""
    app = typer.Typer(
        name="cellwright",
        help="Microscope pictures of cells in; counted and measured cells, a table and a report "
        "out. Offline, on a laptop.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def program(
        version: Annotated[
            bool,
            typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
        ] = False,
    ) -> None:
        pass

    verbs: dict[str, Verb] = load_all("cellwright.verbs")
    for name, verb in verbs.items():
        app.command(name, help=verb.help, epilog=verb.example)(command_of(verb))
    return app


def run_app(arguments: list[str]) -> int:
    """Run the program; gives the exit code."""
    try:
        code = make_app()(arguments, standalone_mode=False)
    except CellwrightError as error:
        return _say(error)
    except typer.Exit as leave:
        code = leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not hasattr(error, "show"):  # click's own: a usage error that shows itself
            raise
        error.show()
        return USAGE
    if code == INTERRUPTED:
        print("stopped; start the same command again to go on", file=sys.stderr)
    return int(code or 0)


def _say(error: CellwrightError) -> int:
    print(f"cellwright: {error}", file=sys.stderr)
    if isinstance(error, UsageError):
        return USAGE
    return INTERRUPTED if isinstance(error, CancelledError) else NOTHING
