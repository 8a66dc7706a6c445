"""Where the label image of each picture is written: one name for each, on every system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = ["label_paths", "legible"]

# What Windows refuses in a name, and with it every control character ("Naming Files, Paths,
# and Namespaces", Microsoft); the slash separates folders and never gets here.
_REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[. ]$')
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)")
_LONGEST = 255  # bytes in a name: ext4, APFS, NTFS (there UTF-16 units, never more)
_KEPT = 200  # bytes of a name that was too long, before the digest that replaces the rest
_DIGEST = 12  # hexadecimal digits: 48 bits keep the names of one folder apart


def label_paths(images: Sequence[str]) -> dict[str, str]:
    """Give each picture a path for its labels, relative to the folder of labels.

    The extension is replaced by ``.tif``. For each of those that would collide, decided over
    all of `images`, the full name is kept. ``::`` becomes ``__``, and what a file system
    refuses is percent-encoded. Names count as equal when a file system that ignores case, or
    writes accents in its own way, would take them so; a path also collides with a folder of
    its name. What still collides gets a number.

    Parameters
    ----------
    images
        The identities of the pictures: relative POSIX paths, with ``::scene`` where a file
        has several.

    Returns
    -------
    dict
        From image to POSIX path; no two paths are equal. The order of `images` does not
        matter for what each one gets.

    Examples
    --------
    >>> label_paths(["a/one.png", "same.bmp", "same.png", "plate.nd2::3", "what?.tif"])
    {'a/one.png': 'a/one.tif', 'same.bmp': 'same.bmp.tif', 'same.png': 'same.png.tif',
     'plate.nd2::3': 'plate__3.tif', 'what?.tif': 'what%3F.tif'}
    """
    distinct = sorted(set(images))
    chosen = {image: _path(image, full=False) for image in distinct}
    full: set[str] = set()
    while more := [i for i in _colliding(chosen) if i not in full]:
        full.update(more)
        chosen.update((image, _path(image, full=True)) for image in more)
    number = 1
    while clashing := _colliding(chosen):
        number += 1
        count = Counter(_key(path) for path in chosen.values())
        folders = {folder for path in chosen.values() for folder in _folders(_key(path))}
        for image in clashing:
            key = _key(chosen[image])
            if count[key] > 1 or key in folders:  # the last of a group keeps its name
                count[key] -= 1
                chosen[image] = _numbered(_path(image, full=True), number)
                count[_key(chosen[image])] += 1
    return {image: chosen[image] for image in images}


def _path(image: str, *, full: bool) -> str:
    file, _, scene = image.partition("::")
    folder, _, name = file.rpartition("/")
    if not full:
        stem, dot, _ = name.rpartition(".")
        name = stem if dot and stem else name
    if scene:
        name = f"{name}__{scene}"
    parts = [_safe(part) for part in folder.split("/") if part]
    return "/".join([*parts, _safe(name.replace("/", "%2F") + ".tif")])


def _safe(name: str) -> str:
    name = name.replace("::", "__")
    name = _REFUSED.sub(lambda match: _percent(match[0]), name)
    if name.strip(".") == "" or _RESERVED.match(name):
        name = _percent(name[0]) + name[1:]
    name = legible(name)
    raw = name.encode("utf-8")
    if len(raw) <= _LONGEST:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:_DIGEST]
    ending = ".tif" if name.endswith(".tif") else ""
    return raw[:_KEPT].decode("utf-8", "ignore") + "~" + digest + ending


def legible(name: str) -> str:
    r"""Write the bytes of a name that is not UTF-8 as percent codes; other names stay.

    Python carries such bytes as surrogates, which no text file can hold.

    Examples
    --------
    >>> legible("gr\udcfcn.tif")
    'gr%FCn.tif'
    """
    return "".join(_percent(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def _percent(text: str) -> str:
    escaped = all("\udc80" <= c <= "\udcff" for c in text)
    raw = text.encode("utf-8", "surrogateescape" if escaped else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in raw)


def _key(path: str) -> str:
    """Equal for paths that some file system takes for one (case, composed accents)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _folders(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _colliding(chosen: dict[str, str]) -> list[str]:
    keys = {image: _key(path) for image, path in chosen.items()}
    count = Counter(keys.values())
    folders = {folder for key in keys.values() for folder in _folders(key)}
    return [image for image, key in keys.items() if count[key] > 1 or key in folders]


def _numbered(path: str, number: int) -> str:
    folder, slash, name = path.rpartition("/")
    raw = name.removesuffix(".tif").encode("utf-8")[:_KEPT].decode("utf-8", "ignore")
    return f"{folder}{slash}{raw}~{number}.tif"
