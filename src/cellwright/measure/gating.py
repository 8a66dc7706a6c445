"""Marker-positive cells: a gate on an intensity, and the share of cells above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.columns import Column
from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.measure.compartments import COMPARTMENTS

__all__ = [
    "CELL_COLUMNS",
    "IMAGE_COLUMNS",
    "Gate",
    "GateRequest",
    "Share",
    "gate_of_controls",
    "parse_gate",
    "parse_gates",
    "positive",
    "share_positive",
]

CONTROL = "control"
"""Word for a gate that is found in the negative controls."""

QUANTILE = 0.99
"""Share of the control cells that are not above a gate of controls: one false positive in a
hundred, as is usual in flow cytometry."""

LEAST_CELLS = 20
"""With fewer control cells a quantile near 1 is just the brightest of them."""

WILSON_Z = 1.959963984540054
"""Normal deviate of a two-sided 95 % interval."""

_FORM = "write CHANNEL=850, CHANNEL=control, CHANNEL=control:0.995 or CHANNEL@nucleus=control"


@dataclass(frozen=True)
class GateRequest:
    """A gate as it was asked for.

    Attributes
    ----------
    channel
        Name of the channel.
    compartment
        ``nucleus``, ``cytoplasm`` or ``ring``; empty for the whole cell.
    threshold
        In intensities of the picture; None if it is to be found in the controls.
    quantile
        Share of the control cells that are not positive.
    """

    channel: str
    compartment: str = ""
    threshold: float | None = None
    quantile: float = QUANTILE

    @property
    def column(self) -> str:
        """The measurement that is looked at."""
        part = f"{self.compartment}_" if self.compartment else ""
        return f"intensity_mean_{part}{self.channel}"

    @property
    def positive_column(self) -> str:
        """The column of the table of cells that says which are positive."""
        return f"positive_{self.channel}"


@dataclass(frozen=True)
class Gate:
    """A threshold above which a cell is positive, and where it comes from.

    Attributes
    ----------
    threshold
        In intensities of the picture.
    quantile
        Share of the control cells at or below it; None for a threshold that was given.
    n_cells, n_images
        Control cells and pictures that it comes from; 0 for a threshold that was given.
    n_unknown
        Control cells left out, because nothing was measured in them.
    """

    threshold: float
    quantile: float | None = None
    n_cells: int = 0
    n_images: int = 0
    n_unknown: int = 0

    @property
    def note(self) -> str:
        """Where the threshold comes from, in words for the report.

        Examples
        --------
        >>> Gate(850.0).note
        'above 850, as given'
        """
        if self.quantile is None:
            return f"above {self.threshold:.6g}, as given"
        images = f" in {self.n_images} pictures" if self.n_images else ""
        left = f"; {self.n_unknown} without a measurement left out" if self.n_unknown else ""
        return (
            f"above {self.threshold:.6g}, the {self.quantile:g} quantile of {self.n_cells} cells"
            f"{images} of the negative control{left}"
        )


@dataclass(frozen=True)
class Share:
    """How many of the cells are positive.

    Attributes
    ----------
    count, n
        Positive cells, and cells in which it is known.
    unknown
        Cells without a measurement, which are in neither.
    share, low, high
        ``count / n`` with its 95 % interval; NaN where n is 0.
    """

    count: int
    n: int
    unknown: int
    share: float
    low: float
    high: float


def parse_gate(text: str) -> GateRequest:
    """Read a gate as it is typed.

    Parameters
    ----------
    text
        ``GFP=850``, ``GFP=control``, ``GFP=control:0.995``; with a compartment
        ``GFP@nucleus=control``.

    Raises
    ------
    UsageError
        If it is none of these, the threshold is no finite number, or the quantile is not
        between 0 and 1.

    Examples
    --------
    >>> parse_gate("GFP@nucleus=control:0.995")
    GateRequest(channel='GFP', compartment='nucleus', threshold=None, quantile=0.995)
    >>> parse_gate("GFP=850").column
    'intensity_mean_GFP'
    """
    name, equals, value = (part.strip() for part in text.rpartition("="))
    channel, compartment = name, ""
    if "@" in name:
        channel, _, compartment = (part.strip() for part in name.rpartition("@"))
        if compartment == "cell":
            compartment = ""
        elif compartment not in COMPARTMENTS:
            raise UsageError(
                f"there is no compartment {compartment!r}",
                where=text,
                remedy="there are cell, " + ", ".join(COMPARTMENTS),
            )
    if not equals or not channel or not value:
        raise UsageError("this is no gate", where=text, remedy=_FORM)
    word, colon, quantile = value.partition(":")
    if word.strip() == CONTROL:
        asked = _number(quantile, text) if colon else QUANTILE
        _check_quantile(asked, text)
        return GateRequest(channel, compartment, None, asked)
    return GateRequest(channel, compartment, _number(value, text))


def parse_gates(texts: Iterable[str]) -> tuple[GateRequest, ...]:
    """Read several gates, one for each channel at most.

    Raises
    ------
    UsageError
        As `parse_gate`, or if a channel has two.

    Examples
    --------
    >>> [request.channel for request in parse_gates(["GFP=850", "RFP=control"])]
    ['GFP', 'RFP']
    """
    requests = tuple(parse_gate(text) for text in texts)
    channels = [request.channel for request in requests]
    for channel in channels:
        if channels.count(channel) > 1:
            raise UsageError(
                f"the channel {channel!r} has two gates", remedy="give one gate for a channel"
            )
    return requests


def gate_of_controls(
    values: Array, quantile: float = QUANTILE, images: Array | None = None
) -> Gate:
    """Find a threshold in cells that are known to be negative.

    Parameters
    ----------
    values
        (N,) measurement of each cell of the negative-control pictures; NaN is left out.
    quantile
        Share of these cells that shall not be positive.
    images
        (N,) name of each cell's picture, to count them.

    Returns
    -------
    Gate
        Its threshold is interpolated linearly between two cells (type 7 of Hyndman and Fan).

    Raises
    ------
    UsageError
        With fewer than 20 measured cells, or a quantile that is not between 0 and 1.

    References
    ----------
    R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American
    Statistician 50 (1996) 361-365.

    Examples
    --------
    >>> gate = gate_of_controls(np.arange(101.0), 0.95)
    >>> gate.threshold, gate.n_cells
    (95.0, 101)
    """
    _check_quantile(quantile, "")
    numbers = np.asarray(values, np.float64).ravel()
    known = np.isfinite(numbers)
    if np.count_nonzero(known) < LEAST_CELLS:
        raise UsageError(
            f"the negative controls have {np.count_nonzero(known)} measured cells, a gate needs "
            f"{LEAST_CELLS}",
            remedy="add control pictures, or give the threshold as a number",
        )
    n_images = 0 if images is None else len(set(np.asarray(images).ravel()[known].tolist()))
    return Gate(
        float(np.quantile(numbers[known], quantile)),
        quantile,
        int(np.count_nonzero(known)),
        n_images,
        int(np.count_nonzero(~known)),
    )


def positive(values: Array, gate: Gate) -> npt.NDArray[np.bool_]:
    """Say which cells are positive: above the gate, not on it; NaN is not.

    Examples
    --------
    >>> positive(np.array([849.0, 850.0, 851.0, np.nan]), Gate(850.0)).tolist()
    [False, False, True, False]
    """
    above: npt.NDArray[np.bool_] = np.asarray(values, np.float64) > gate.threshold
    return above


def share_positive(flags: Array, known: Array) -> Share:
    """Count the positive cells of one picture, with an interval.

    The interval takes each cell of this picture for an independent draw. It says how well the
    share of this picture is known, and nothing of differences between conditions: there n is
    the number of independent replicates.

    Parameters
    ----------
    flags
        (N,) bool, of `positive`.
    known
        (N,) bool: whether there is a measurement.

    Raises
    ------
    UsageError
        If the two have different shapes.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927) 209-212; recommended by
    L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial proportion",
    Statistical Science 16 (2001) 101-133.

    Examples
    --------
    >>> share = share_positive(np.array([True, False, False, False]), np.ones(4, bool))
    >>> share.share, round(share.low, 4), round(share.high, 4)
    (0.25, 0.0456, 0.6994)
    """
    flags, known = np.asarray(flags, bool), np.asarray(known, bool)
    if flags.shape != known.shape:
        raise UsageError(f"{flags.size} flags of cells do not fit {known.size} that are known")
    n = int(np.count_nonzero(known))
    count = int(np.count_nonzero(flags & known))
    unknown = known.size - n
    if n == 0:
        nan = float("nan")
        return Share(0, 0, unknown, nan, nan, nan)
    share, square = count / n, WILSON_Z**2 / n
    middle = (share + square / 2) / (1 + square)
    half = float(np.sqrt(share * (1 - share) * square + square**2 / 4)) / (1 + square)
    # At 0 and n one end is exact, and rounding shall not move it past.
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == n else middle + half
    return Share(count, n, unknown, share, low, high)


def _number(text: str, gate: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise UsageError(f"{text.strip()!r} is no number", where=gate, remedy=_FORM)
    return number


def _check_quantile(quantile: float, where: str) -> None:
    if not 0 < quantile < 1:
        raise UsageError(
            f"the quantile {quantile:g} is not between 0 and 1", where=where, remedy=_FORM
        )


CELL_COLUMNS = (
    Column(
        "positive_{channel}",
        "",
        "Whether the cell is above the gate in {channel}; no where it could not be measured",
        "bool",
        comparable=False,
        function="cellwright.measure.gating.positive",
    ),
)
"""Column of the table of cells for each gated channel."""

_SHARE = "cellwright.measure.gating.share_positive"
_WILSON = "Wilson (1927), J. Am. Stat. Assoc. 22:209; cells as units, within one picture"

IMAGE_COLUMNS = (
    Column(
        "positive_count_{channel}",
        "1",
        "Cells of the picture above the gate in {channel}",
        "int64",
        bounds=(0.0, None),
        function=_SHARE,
    ),
    Column(
        "positive_n_{channel}",
        "1",
        "Cells of the picture that could be measured in {channel}",
        "int64",
        comparable=False,
        bounds=(0.0, None),
        function=_SHARE,
    ),
    Column(
        "positive_share_{channel}",
        "1",
        "Share of the measured cells of the picture above the gate in {channel}",
        bounds=(0.0, 1.0),
        function=_SHARE,
    ),
    Column(
        "positive_low_{channel}",
        "1",
        "Lower end of the 95 % interval of this share",
        comparable=False,
        bounds=(0.0, 1.0),
        function=_SHARE,
        source=_WILSON,
    ),
    Column(
        "positive_high_{channel}",
        "1",
        "Upper end of the 95 % interval of this share",
        comparable=False,
        bounds=(0.0, 1.0),
        function=_SHARE,
        source=_WILSON,
    ),
)
"""Columns of the table of images for each gated channel."""
