"""What these numbers cannot tell, as far as the run shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from cellwright.report.checklist_images import is_lossy
from cellwright.report.checklist_workflow import GIVEN, UNLIKE, best_known_score
from cellwright.report.groups import (
    all_pictures,
    conditions,
    measured_pictures,
    records,
    replicate_means,
)
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.template import fill
from cellwright.report.wording import between, counted, joined, visible

__all__ = ["SECTION", "limits"]

FEWEST_REPLICATES = 3
"""Below this `compare` gives no p."""


def render(data: ReportData) -> Content | None:
    """A list; None where nothing was measured."""
    if not len(measured_pictures(data)):
        return None
    return Content(fill("limits.html.j2", limits=limits(data)))


def limits(data: ReportData) -> list[tuple[str, str]]:
    """What to be careful with: a subject and a sentence or two, the weightiest first."""
    of = (_experiment, _outlines, _scale, _planes, _brightness, _missing, _sample)
    return [found for ask in of for found in ask(data)]


def _experiment(data: ReportData) -> Iterator[tuple[str, str]]:
    pictures = measured_pictures(data)
    known = [name for name in conditions(pictures) if name]
    means = replicate_means(pictures, "n_cells")
    sizes = means.groupby("condition", sort=False).size()
    if not len(means):
        yield (
            "n",
            "No replicates were stated. Cells and pictures of one experiment are not "
            "independent: no difference between conditions can be claimed.",
        )
        return
    few = [name for name in known if sizes.get(name, 0) < FEWEST_REPLICATES]
    if few:
        names = joined([visible(name, 24) for name in few], most=4)
        yield (
            "n",
            f"Fewer than {FEWEST_REPLICATES} replicates of {names}: what differs can be "
            "shown, not tested.",
        )
    else:
        yield (
            "n",
            "What is a replicate was stated in samples.csv. If replicates share a culture, "
            "an animal or a day, n is smaller.",
        )


def _outlines(data: ReportData) -> Iterator[tuple[str, str]]:
    method = data.run.get("method") or {}
    card = method.get("model") or {}
    if card:
        yield "Model", _of_model(card, measured_pictures(data))
    elif method.get("name") == GIVEN:
        yield "Outlines", "They were given; how they came about is not known here."
    elif method.get("name"):
        yield (
            "Outlines",
            f"The method {visible(method['name'])} goes by brightness and knows "
            "nothing of cells: what touches may be one, what is uneven may be several.",
        )
    if data.audit is None:
        yield (
            "Errors",
            "How many outlines are wrong in these pictures is not known, nor whether "
            "more are in one condition than in another. Ten minutes with cellwright audit tell.",
        )
    else:
        judged = data.audit["judged"]
        yield (
            "Errors",
            f"Known from {counted(judged['fields'], 'field')} and "
            f"{counted(judged['cells'], 'cell')} that a person judged, with the intervals given "
            "under Audit.",
        )


def _of_model(card: Mapping[str, Any], pictures: pd.DataFrame) -> str:
    sources = [visible(source.get("name", "")) for source in records(card, "sources")]
    name = visible(card.get("name", ""))
    if sources:
        said = [f"The model {name} has learnt from {joined(sources, most=6)}."]
    else:
        said = [f"The file of the model {name} does not tell what it has learnt from."]
    score = best_known_score(card)
    if score:
        said.append(f"{score}; of these pictures it is not known.")
    unlike = pd.to_numeric(pictures["unlike"], errors="coerce") if "unlike" in pictures else None
    if unlike is None or not unlike.notna().any():
        said.append("Whether these pictures are like those could not be told.")
    elif strange := int((unlike > UNLIKE).sum()):
        verb = "is" if strange == 1 else "are"
        said.append(
            f"{strange:,} of {counted(len(pictures), 'picture')} {verb} unlike those: look at the "
            "outlines."
        )
    else:
        said.append("No picture is unlike those, which is no proof that its outlines are right.")
    return " ".join(said)


def _scale(data: ReportData) -> Iterator[tuple[str, str]]:
    pictures = measured_pictures(data)
    sizes = pictures["pixel_size_um"]
    unknown = int(sizes.isna().sum())
    if unknown == len(pictures):
        yield (
            "Scale",
            "No pixel size is known. Sizes are in pixels and compare only between "
            "pictures of one magnification.",
        )
    elif unknown:
        yield "Scale", f"The pixel size of {counted(unknown, 'picture')} is not known."
    elif sizes.min() < sizes.max():
        ends = between(float(sizes.min()), float(sizes.max()))
        yield (
            "Scale",
            f"Pixel sizes differ ({ends} µm): texture and small details do not compare "
            "between them.",
        )


def _planes(data: ReportData) -> Iterator[tuple[str, str]]:
    used = [r for r in records(data.run, "inputs") if "Z" in str(r.get("axes", ""))]
    if used:
        yield (
            "Depth",
            f"{counted(len(used), 'stack')} became one plane each: cells above each "
            "other became one, and heights are lost.",
        )
    if bool((measured_pictures(data)["frames"] > 1).any()):
        yield (
            "Time",
            "Each frame was analysed by itself. The same cell counts once in each frame, "
            "and is not followed.",
        )


def _brightness(data: ReportData) -> Iterator[tuple[str, str]]:
    if not any(column.name.startswith("intensity") for column in data.columns):
        return
    flat = (data.run.get("options") or {}).get("flat_field", "off")
    light = "Uneven light was not corrected. " if flat == "off" else ""
    yield (
        "Intensity",
        light + "Intensities compare only between pictures of one staining, exposure "
        "and camera, which the run does not know.",
    )
    lossy = sum(is_lossy(str(name)) for name in measured_pictures(data)["image"])
    if lossy:
        yield (
            "Format",
            f"{counted(lossy, 'picture')} {'is' if lossy == 1 else 'are'} JPEG: fine "
            "detail and exact intensities were lost before.",
        )


def _missing(data: ReportData) -> Iterator[tuple[str, str]]:
    everything = all_pictures(data)
    failed = int((everything["status"] == "failed").sum())
    excluded = len(records(data.run, "excluded"))
    parts = [f"{counted(failed, 'picture')} failed"] if failed else []
    if excluded:
        verb = "was" if excluded == 1 else "were"
        parts.append(f"{counted(excluded, 'picture')} {verb} excluded")
    if parts:
        yield (
            "Missing",
            f"{joined(parts)}. If that is more often so in one condition, a difference "
            "may come from it.",
        )
    edited = sum(int(r.get("edited", 0) or 0) for r in records(data.run, "corrections"))
    if edited:
        yield (
            "By hand",
            f"{counted(edited, 'cell')} {'was' if edited == 1 else 'were'} edited by a "
            "person, whether blind is not known.",
        )


def _sample(data: ReportData) -> Iterator[tuple[str, str]]:
    if len(data.cells) < data.n_cells:
        yield (
            "Figures",
            f"They are drawn from an even sample of {len(data.cells):,} of "
            f"{counted(data.n_cells, 'cell')}; counts and tables of pictures are of all.",
        )


SECTION = Section("limits", "Limits", 92, render)
