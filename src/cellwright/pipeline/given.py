"""Label images that somebody already has: which file belongs to which picture."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cellwright.io.zarr_folder import is_zarr_folder

__all__ = ["find_label_file"]

_ENDINGS = (".tif", ".tiff", ".png", ".npy", ".zarr", ".ome.zarr")


def find_label_file(labels: Path, label_path: str, image: str) -> Path | None:
    """Find the label image of a picture.

    Parameters
    ----------
    labels
        A label file, a folder of them, or a run with a folder ``labels``.
    label_path
        Path that cellwright itself would give the labels.
    image
        Identity of the picture: its own path, with the ending of any format that can hold
        labels, will do as well.
    """
    if labels.is_file() or is_zarr_folder(labels):
        return labels
    below = labels / "labels"
    folder = below if below.is_dir() else labels
    same = PurePosixPath(image.replace("::", "__"))
    if "::" in image:  # a file of the picture's own name holds the labels of another scene
        same = same.with_name(same.name + ".tif")
    candidates = [label_path, str(same), *(str(same.with_suffix(ending)) for ending in _ENDINGS)]
    files = [folder / candidate for candidate in candidates]
    return next((file for file in files if file.is_file() or is_zarr_folder(file)), None)
