"""`python -m cellwright`: the command line."""

from __future__ import annotations

from cellwright.cli import main

if __name__ == "__main__":
    main()
