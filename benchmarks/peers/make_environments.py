"""Make an environment for each program that we are measured against.

    python benchmarks/peers/make_environments.py [FOLDER] [--only stardist cellpose3]

Each gets a folder of its own, made by ``uv`` where there is one and else by ``venv`` and ``pip``,
with exactly the versions of ``stardist.txt`` and ``cellpose3.txt`` beside this file: 1.9 and
1.4 GB. None of it comes near the project's own environment. What is there already is kept if it
was made of the same versions, and made anew if not.

``PIP_FIND_LINKS`` and ``UV_FIND_LINKS`` are heeded: where they point at a build of torch for the
processor alone, that one is taken, and not gigabytes of CUDA. This needs nothing but Python.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = Path(__file__).parent
PEERS = ("stardist", "cellpose3")
PYTHON = "3.11"
"""What the versions were chosen for; TensorFlow 2.21 and numba 0.68 have it all the same."""
DONE = "made-of.txt"


def default_folder() -> Path:
    """Give the folder for environments when nobody says: in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return Path(cache or Path.home() / ".cache") / "cellwright-benchmarks"


def python_of(environment: Path) -> Path:
    """Give the interpreter of an environment."""
    windows = environment / "Scripts" / "python.exe"
    return windows if windows.exists() else environment / "bin" / "python"


def make(environment: Path, versions: Path) -> None:
    """Make one environment, unless it is there."""
    wanted, done = versions.read_text(encoding="utf-8"), environment / DONE
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        print(f"{environment} is there")
        return
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    uv, settings = shutil.which("uv"), dict(os.environ)
    if uv:
        # uv parts them by commas, pip by spaces, and neither reads the other's
        links = ",".join(settings.get("PIP_FIND_LINKS", "").split())
        settings.setdefault("UV_FIND_LINKS", links)
        create = [uv, "venv", "--python", PYTHON, str(environment)]
        install = [uv, "pip", "install", "--python"]
    else:
        create = [sys.executable, "-m", "venv", str(environment)]
        install = [sys.executable, "-m", "pip", "--python"]
    print(f"making {environment}", flush=True)
    subprocess.run(create, check=True, env=settings)
    python = str(python_of(environment))
    tail = ["-r", str(versions)]
    command = [*install, python, *tail] if uv else [*install, python, "install", *tail]
    subprocess.run(command, check=True, env=settings)
    done.write_text(wanted, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=default_folder())
    parser.add_argument("--only", choices=PEERS, nargs="+", default=PEERS)
    given = parser.parse_args()
    for peer in given.only:
        make(given.folder.absolute() / peer, VERSIONS / f"{peer}.txt")


if __name__ == "__main__":
    main()
