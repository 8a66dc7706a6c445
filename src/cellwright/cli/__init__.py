"""The command line: one file a verb, each a thin face over one public function."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 done · 1 some inputs failed · 2 usage · 3 nothing could be done · 130 interrupted.
    """
    try:
        from cellwright.cli.interrupt import take_interrupts

        take_interrupts()
        from cellwright.cli.app import run_app

        code = run_app(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # so early that not everything was imported
        code = 130
    sys.exit(code)
