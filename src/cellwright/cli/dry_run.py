"""``--dry-run``: what would be done, without doing it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cellwright.cli.face import progress
from cellwright.cli.verb import Asked

__all__ = ["describe"]


def describe(asked: Asked, options: dict[str, Any], inputs: Sequence[Path]) -> int:
    """Print which pictures would be worked on, and how; gives the exit code."""
    from cellwright.api.arguments import split_options
    from cellwright.pipeline.start import Start, plan_pictures

    what, how = split_options(options)
    start = Start(
        tuple(inputs),
        asked["out"],
        what,
        how,
        asked["samples"],
        regions=asked.values.get("regions"),
        flat_reference=asked.values.get("flat_reference"),
        dark_reference=asked.values.get("dark_reference"),
    )
    with progress(asked) as listener:
        plan, settings = plan_pictures(start, listener)
    pictures, skipped = plan.pictures, plan.skipped
    rows = [
        {
            "image": picture.image,
            "frames": picture.n_frames,
            "channel": picture.channel.name if picture.channel else None,
            "pixel_size_um": picture.spacing.x,
            "condition": picture.condition,
            "labels": picture.label_path,
            "problem": picture.failure.reason if picture.failure else None,
            "notes": list(picture.notes),
        }
        for picture in pictures
    ]
    if asked["json_"]:
        facts = {
            "inputs": len(rows) + len(skipped),
            "frames": sum(picture.n_frames for picture in pictures),
            "method": settings.options.method,
            "pictures": rows,
            "skipped": [{"image": s.image, "reason": s.reason} for s in skipped],
            "notes": [*plan.decisions, *plan.notes],
        }
        print(json.dumps(facts, indent=1))
    else:
        for row in rows:
            state = (
                f"cannot be read: {row['problem']}"
                if row["problem"]
                else (
                    f"{row['frames']} frame(s), channel {row['channel']}, "
                    + (
                        f"{row['pixel_size_um']:g} um per pixel"
                        if row["pixel_size_um"]
                        else "no pixel size"
                    )
                )
            )
            print(f"{row['image']!r}: {state}")
        for s in skipped:
            print(f"{s.image!r}: skipped: {s.reason}")
        for note in (*plan.decisions, *plan.notes):
            print(note)
        print(f"{len(rows)} pictures by the method {settings.options.method}; nothing was written")
    return 1 if any(row["problem"] for row in rows) else 0
