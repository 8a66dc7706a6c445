"""The checklist of pictures in figures: format, colours, annotation, availability.

Asked after Schmied and others (2024), Nature Methods 21: 170; answered for the pictures that
this report shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from cellwright.report.checklist_item import (
    Group,
    Item,
    Level,
    Reply,
    ideal,
    minimal,
    recommended,
)
from cellwright.report.gallery import common_window
from cellwright.report.groups import all_pictures, measured_pictures, records
from cellwright.report.methods_text import COLOUR
from cellwright.report.section import Preview, ReportData
from cellwright.report.wording import between, counted, joined, rounded, visible

__all__ = ["image_groups", "is_lossy"]

_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")
_SHOWN_WHOLE = 0.999
"""Share of the width that counts as all of it: sizes are rounded to whole pixels."""
_NONE_SHOWN = "This report shows no pictures."
_STAIN = "Say which stain it is."


def image_groups(data: ReportData) -> list[Group]:
    """The four parts of the list."""
    return [
        Group("checklist-format", "Pictures: what is shown", list(_format(data))),
        Group("checklist-colours", "Pictures: colours and channels", list(_colours(data))),
        Group("checklist-marks", "Pictures: scale and marks", list(_marks(data))),
        Group("checklist-sharing", "Pictures: where they are", list(_sharing(data))),
    ]


def is_lossy(image: str) -> bool:
    """Whether a picture comes from a format that loses detail, by its name.

    Examples
    --------
    >>> is_lossy("a/b.JPG"), is_lossy("b.tif")
    (True, False)
    """
    return image.partition("::")[0].casefold().endswith(_LOSSY)


def _format(data: ReportData) -> Iterator[Item]:
    shown = data.previews
    measured = len(measured_pictures(data))
    of_measured = f"{len({p.image for p in shown}):,} of {counted(measured, 'measured picture')}"
    yield _of_shown(
        shown,
        "Cut, turned and scaled only where it is said",
        f"Nothing is turned or stretched in one direction. {_scaled(shown)}",
        known=all(preview.scale for preview in shown),
    )
    yield _of_shown(
        shown, "Neighbouring pictures can be told apart", "Each has a frame of its own."
    )
    yield _of_shown(
        shown,
        "A picture that was measured is shown beside its numbers",
        f"{of_measured}; nothing but brightness and size on the page was changed.",
    )
    yield _insets(data)
    yield _range(data, measured)


def _insets(data: ReportData) -> Item:
    asked = "Enlarged parts are marked in the whole picture"
    if not data.previews:
        return minimal(asked, "not stated", _NONE_SHOWN)
    cut = sum(_is_cut(preview, data) for preview in data.previews)
    if not cut:
        return minimal(asked, "does not apply", "No part is enlarged by itself.")
    return minimal(
        asked,
        "partly",
        f"Of {counted(cut, 'large picture')} the middle is shown; its size is given, its place is "
        "not drawn.",
    )


def _range(data: ReportData, measured: int) -> Item:
    asked = "The range is shown, not the best alone"
    roles = {preview.role for preview in data.previews}
    if not data.previews:
        return minimal(asked, "not stated", _NONE_SHOWN)
    if len({preview.image for preview in data.previews}) >= measured:
        return minimal(asked, "yes", "All pictures are shown.")
    if not {"worst", "best"} <= roles:
        return minimal(asked, "not known", "How these were chosen is not recorded.")
    said = "Chosen by rule: the worst, the middle and the best by their quality"
    if any(role.startswith("typical") for role in roles):
        said += ", and that with the median count of each condition"
    return minimal(asked, "yes", said + ".")


def _colours(data: ReportData) -> Iterator[Item]:
    shown = data.previews
    in_colour = COLOUR in _channels(data)
    windows = all(preview.window for preview in shown)
    yield _stain(data)
    yield _of_shown(
        shown,
        "Brightness and contrast are changed with care, and it is said how",
        "Linear, no gamma; the grey values of black and white stand beside each picture.",
        known=windows,
    )
    yield _compared(shown)
    yield _of_shown(
        shown,
        "Colours stand out from the ground; grey is best",
        "Pictures in colour are shown as they are in the file."
        if in_colour
        else "Grey on black; outlines in amber with a dark rim.",
        reply="partly" if in_colour else "yes",
    )
    asked = "Of several colours, each channel is shown in grey as well"
    if in_colour:
        yield minimal(asked, "no", "Pictures in colour are shown in colour only.")
    else:
        yield minimal(asked, "does not apply", "One channel is shown.")
    yield minimal(
        "Merged channels can be told apart by every kind of colour vision",
        "does not apply",
        "Channels are not merged.",
    )
    yield _of_shown(
        shown,
        "A scale of intensities",
        "In words beside each picture, not as a bar.",
        level="recommended",
        reply="partly",
        known=windows,
    )
    yield ideal(
        "Of pictures in false colours, the grey one as well",
        "does not apply",
        "No false colours are used.",
    )
    yield ideal(
        "Of pictures with a gamma, the linear one as well", "does not apply", "No gamma is used."
    )


def _stain(data: ReportData) -> Item:
    asked = "The stain or marker stands beside the picture"
    channels = _channels(data)
    named = [visible(name) for name in channels if name and not name.isdigit() and name != COLOUR]
    if not data.previews:
        return minimal(asked, "not stated", _NONE_SHOWN)
    if named and len(named) == len(channels):
        return minimal(asked, "yes", f"The channel, as the file names it: {joined(named, most=4)}.")
    if named:
        said = f"Some files name their channel: {joined(named, most=4)}."
        return minimal(asked, "partly", said, _STAIN, "stain")
    if channels == [COLOUR]:
        return minimal(asked, "not stated", "Pictures in colour.", "Say the stains.", "stain")
    said = "The files do not name their channels."
    return minimal(asked, "not known", said, _STAIN, "stain")


def _compared(shown: Sequence[Preview]) -> Item:
    asked = "Pictures that are compared have the same brightness and contrast"
    if not shown:
        return minimal(asked, "not stated", _NONE_SHOWN)
    if len(shown) == 1:
        return minimal(asked, "does not apply", "One picture is shown.")
    if len({preview.window for preview in shown}) == 1 and shown[0].window:
        return minimal(asked, "yes", f"All: {visible(shown[0].window)}.")
    if common_window(shown) is not None and all(preview.grey for preview in shown):
        return minimal(
            asked,
            "partly",
            "With the switch Same contrast all in the gallery have one window; without it each is "
            "stretched by itself, so that outlines can be judged. Use the first for a figure.",
        )
    return minimal(
        asked,
        "no",
        "Each is stretched by itself, so that outlines can be judged: their brightness must not "
        "be compared. For a figure that does, take one window for all.",
    )


def _marks(data: ReportData) -> Iterator[Item]:
    shown = data.previews
    yield _scale(shown)
    yield _of_shown(
        shown,
        "All marks are explained",
        "Amber lines are the outlines of what was counted; the bar has its length.",
    )
    yield _of_shown(
        shown, "Marks can be read", "White type on a dark ground, which grows with the picture."
    )
    yield _of_shown(
        shown,
        "Marks hide nothing that matters",
        "Outlines can be switched off; the bar covers the lower right corner.",
    )
    yield _details(data)


def _scale(shown: Sequence[Preview]) -> Item:
    asked = "The scale is given"
    lacking = sum(preview.scale_bar_um is None for preview in shown)
    if not shown:
        return minimal(asked, "not stated", _NONE_SHOWN)
    if not lacking:
        return minimal(asked, "yes", "A bar in micrometres in each picture.")
    if lacking == len(shown):
        return minimal(
            asked,
            "not known",
            "No pixel size is known; bars are in pixels. Give it with --pixel-size.",
        )
    return minimal(
        asked,
        "partly",
        f"{lacking:,} of {counted(len(shown), 'picture')} have a bar in pixels: no pixel size is "
        "known.",
    )


def _details(data: ReportData) -> Item:
    asked = "Details of the imaging that matter stand beside the picture"
    pictures = measured_pictures(data)
    known = []
    sizes = pictures["pixel_size_um"].dropna()
    if len(sizes):
        low, high = float(sizes.min()), float(sizes.max())
        known.append(f"pixel size {rounded(low, 4) if low == high else between(low, high)} µm")
    if "interval_s" in pictures:
        seconds = pd.to_numeric(pictures["interval_s"], errors="coerce").dropna()
        if len(seconds):
            known.append(f"{rounded(float(seconds.median()), 4)} s from frame to frame")
    said = "; ".join(known)
    reply: Reply = "partly" if known else "not known"
    return recommended(
        asked,
        reply,
        f"{said[0].upper()}{said[1:]}." if said else "",
        "Objective, exposure and light are not known: the readers do not ask the files for them.",
        "imaging",
    )


def _sharing(data: ReportData) -> Iterator[Item]:
    asked = "The pictures are shared as they were taken, without loss"
    images = [str(name) for name in all_pictures(data)["image"]]
    lossy = sum(map(is_lossy, images))
    if lossy:
        yield minimal(
            asked,
            "no",
            f"{lossy:,} of {counted(len(images), 'picture')} were analysed as JPEG, which has lost "
            "detail already.",
        )
    elif any(record.get("sha256") for record in records(data.run, "inputs")):
        yield minimal(
            asked,
            "not stated",
            "run.json has the hash of each, by which they can be known.",
            "Say where they are.",
            "pictures",
        )
    else:
        yield minimal(asked, "not stated", "", "Say where they are.", "pictures")
    yield recommended(
        "They can be downloaded freely", "not stated", "", "Give the address.", "pictures"
    )
    yield ideal(
        "They are in an archive of images",
        "not stated",
        "Such as the BioImage Archive or the Image Data Resource.",
    )


def _of_shown(
    shown: Sequence[Preview],
    asked: str,
    said: str,
    *,
    level: Level = "minimal",
    reply: Reply = "yes",
    known: bool = True,
) -> Item:
    """An item that holds by how pictures are shown here; not where none are."""
    if not shown:
        return Item(level, asked, "not stated", _NONE_SHOWN)
    if not known:
        return Item(level, asked, "not known", "How they were drawn is not recorded.")
    return Item(level, asked, reply, said)


def _scaled(shown: Sequence[Preview]) -> str:
    smaller = [preview.scale for preview in shown if 0 < preview.scale < 1]
    larger = [preview.scale for preview in shown if preview.scale > 1]
    said = []
    if smaller:
        least = f"to {100 * min(smaller):.0f} % at the least"
        said.append(f"{len(smaller):,} made smaller, by averages, {least}")
    if larger:
        said.append(f"{len(larger):,} enlarged, by whole pixels")
    if not said:
        return "All pixels are shown."
    return f"Of {counted(len(shown), 'picture')} {joined(said)}: it stands beside each."


def _is_cut(preview: Preview, data: ReportData) -> bool:
    """Whether just a part of the picture is shown."""
    images = all_pictures(data)
    width = images.loc[images["image"] == preview.image, "width"]
    if not len(width) or not preview.scale:
        return False
    return bool(preview.width / preview.scale < _SHOWN_WHOLE * float(width.iloc[0]))


def _channels(data: ReportData) -> list[str]:
    """Channels of the pictures that are shown, each once."""
    pictures = all_pictures(data)
    shown = pictures["image"].isin([preview.image for preview in data.previews])
    return list(dict.fromkeys(map(str, pictures.loc[shown, "channel"])))
