"""How fast nuclei are found beside StarDist and Cellpose 3: time, parts of it, and memory.

    python benchmarks/peers/make_environments.py FOLDER
    python -m benchmarks.nuclei_speed --data DATA --environments FOLDER
        [--methods network threshold] [--peers stardist cellpose3] [--pictures 3]
        [--simulated 4] [--repeats 3] [--threads 2] [--set NAME=VALUE ...] [--json FILE]

DATA holds the collections ``bbbc039``, ``neuroblastoma`` and ``dsb2018``; of each so many pictures
are taken (of the last only those of a megapixel), and one is simulated. All programs see the same
pictures, in memory, on the same cores with the same number of threads. Each is loaded once; then
they take turns, picture by picture, so that whatever else the machine does meets all alike. The
first picture of each shape is done once before anything counts. What each program does, and
where the real maps for the decoding of the others come from, is told in `peers/*_worker.py`.

Seconds are medians over the repeats, summed over the pictures of a collection, by their
megapixels. Ratios are made within each repeat, over all pictures of the collection; their median
is shown, for the whole also the least and the largest. ``cpu`` is time of the processor, over
all threads. Other work on the machine disturbs it less than the clock, but not little: threads
that wait for each other turn round meanwhile. So it is told how much other work there was.
Memory is anonymous memory (see `peers/memory.py`): with everything loaded, and the most during
any picture.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.peers.load import OtherWork
from benchmarks.peers.make_environments import PEERS, default_folder
from benchmarks.peers.pictures import SETS, SIMULATED, Annotated, pictures_of, simulated
from benchmarks.peers.programs import Program, Running, keep_to_cores, own, peer

PARTS = ("network", "decoding")
KINDS = ("", "_cpu")
ALL = "all pictures"


def measure(
    programs: list[Program], pictures: list[Annotated], repeats: int, threads: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every program on every picture, by turns.

    Returns
    -------
    tuple
        One row for each program, picture and repeat; one row for each program's memory.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [picture.save(folder) for picture in pictures]
        maps = {program.name: prepared(program, files, threads) for program in programs}
        with ExitStack() as stack:
            workers = [stack.enter_context(Running(program, threads)) for program in programs]
            shapes: dict[tuple[int, ...], int] = {}
            for index, picture in enumerate(pictures):
                shapes.setdefault(picture.pixels.shape, index)
            for index in shapes.values():
                for worker in workers:
                    ask(worker, files[index], maps)
            for repeat in range(repeats):
                for picture, file in zip(pictures, files, strict=True):
                    for worker in workers:
                        told = {
                            "program": worker.program.name,
                            "collection": picture.collection,
                            "picture": picture.name,
                            "megapixels": picture.megapixels,
                            "repeat": repeat,
                        }
                        rows.append({**told, **ask(worker, file, maps)})
            memory = [
                {
                    "program": worker.program.name,
                    "MB ready": worker.ready_bytes / 1e6,
                    "MB most": worker.most_bytes / 1e6,
                }
                for worker in workers
            ]
    return pd.DataFrame(rows), pd.DataFrame(memory).set_index("program")


def prepared(program: Program, files: Iterable[Path], threads: int) -> dict[Path, Path]:
    """Make the real maps for a program's decoding; in a process of its own, for its memory."""
    made = {file: file.with_suffix(f".{program.name.replace(' ', '_')}.npz") for file in files}
    if program.name in PEERS:
        with Running(program, threads) as worker:
            for file, maps in made.items():
                worker.ask("prepare", picture=str(file), maps=str(maps))
    return made


def ask(worker: Running, file: Path, maps: dict[str, dict[Path, Path]]) -> dict[str, Any]:
    """Have one picture done, and add up its parts; not every program has both."""
    told = worker.ask("segment", picture=str(file), maps=str(maps[worker.program.name][file]))
    sums = {f"together{kind}": sum(told.get(part + kind, 0.0) for part in PARTS) for kind in KINDS}
    return {**dict.fromkeys(PARTS, float("nan")), **told, **sums}


def speeds(rows: pd.DataFrame, references: list[str]) -> pd.DataFrame:
    """Make the table of one collection: a row a program."""
    columns = ["network", "decoding", "together", "together_cpu"]
    median = rows.groupby(["program", "picture"], sort=False)[[*columns, "megapixels", "objects"]]
    total = median.median().groupby("program", sort=False).sum(min_count=1)
    table = total[columns].div(total["megapixels"], axis=0)
    table.columns = pd.Index(["network s/MP", "decoding s/MP", "together s/MP", "cpu s/MP"])
    table["objects"] = total["objects"].astype(int)
    for reference in references:
        short = reference.removeprefix("cellwright ")
        table[f"× {short}"] = ratios(rows, reference, "together").median()
        table[f"cpu × {short}"] = ratios(rows, reference, "together_cpu").median()
    return table


def ratios(rows: pd.DataFrame, reference: str, column: str) -> pd.DataFrame:
    """How many times as long as `reference` each program (column) took in each repeat (row)."""
    spent = rows.pivot_table(
        index="repeat", columns="program", values=column, aggfunc="sum", sort=False
    )
    return spent.div(spent[reference], axis=0)


def show(title: str, table: pd.DataFrame) -> None:
    text = table.to_string(float_format=lambda value: f"{value:.2f}", na_rep="", index_names=False)
    print(f"\n{title}\n{text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--environments", type=Path, default=default_folder())
    parser.add_argument("--methods", nargs="+", default=["network", "threshold"])
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--pictures", type=int, default=3, help="of each collection")
    parser.add_argument("--simulated", type=float, default=4.0, help="megapixels; 0 for none")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", nargs="*", default=[], help="options of our first method")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    keep_to_cores(given.threads)
    pictures = [
        picture for name in given.sets for picture in pictures_of(given.data, name, given.pictures)
    ]
    if given.simulated:
        pictures.append(simulated(given.simulated))
    options = ("--set", *given.set) if given.set else ()
    programs = [
        *(
            own(method, given.threads, options if index == 0 else ())
            for index, method in enumerate(given.methods)
        ),
        *(peer(name, given.environments, given.threads) for name in given.peers),
    ]
    with OtherWork() as other:
        rows, memory = measure(programs, pictures, given.repeats, given.threads)
    references = [f"cellwright {method}" for method in given.methods]
    print(f"{given.threads} threads, {given.repeats} repeats; × is how many times as long as ours")
    print(other)
    for name in [*given.sets, *([SIMULATED] if given.simulated else [])]:
        some = [picture for picture in pictures if picture.collection == name]
        nuclei = sum(np.unique(p.labels).size - 1 for p in some)
        size = sum(p.megapixels for p in some)
        title = f"{name}: pictures {len(some)}, megapixels {size:.2f}, nuclei {nuclei:,}"
        show(title, speeds(rows[rows["collection"] == name], references))
    show(f"{ALL}: {len(pictures)}", speeds(rows, references))
    spread = {
        f"{kind} × {reference.removeprefix('cellwright ')}": ratios(rows, reference, column)
        .agg(["min", "median", "max"])
        .T.apply(lambda row: f"{row['median']:.2f} ({row['min']:.2f} to {row['max']:.2f})", axis=1)
        for reference in references
        for kind, column in (("clock", "together"), ("cpu", "together_cpu"))
    }
    show(f"{ALL}, from repeat to repeat: median (least to largest)", pd.DataFrame(spread))
    most = memory["MB most"]
    for reference in references:
        memory[f"most × {reference.removeprefix('cellwright ')}"] = most / float(most[reference])
    show("anonymous memory", memory)
    if given.json:
        tables = {"rows": rows, "memory": memory.reset_index()}
        told = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
        told["other work"] = other.share
        given.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
