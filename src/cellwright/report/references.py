"""The papers to cite, and which of them a run stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellwright.report.groups import records
from cellwright.report.wording import visible

__all__ = ["Reference", "Work", "bibtex", "references_of", "works_of"]

_NOT_IN_BIBTEX = str.maketrans(dict.fromkeys("{}\\", "") | {"%": "\\%"})


@dataclass(frozen=True)
class Reference:
    """A paper.

    Attributes
    ----------
    key
        Of its BibTeX entry.
    authors, title, journal, year, volume, pages, doi
        As BibTeX wants them; pages with a double hyphen.
    short
        As it is cited in a sentence.
    """

    key: str
    short: str
    authors: str
    title: str
    journal: str
    year: int
    volume: str
    pages: str
    doi: str

    @property
    def full(self) -> str:
        """One line for a list of references."""
        pages = self.pages.replace("--", "–")
        authors = self.authors.replace(" and others", " et al.").replace(" and ", "; ")
        place = f"{self.journal} {self.volume}".rstrip() + f": {pages}"
        return f"{authors} ({self.year}). {self.title}. {place}. https://doi.org/{self.doi}"


@dataclass(frozen=True)
class Work:
    """What else is to be cited, of which just a line of text is known, and perhaps a link."""

    key: str
    text: str
    link: str = ""

    @property
    def full(self) -> str:
        """One line for a list of references."""
        return f"{self.text} {self.link}".rstrip()


_NUMPY = Reference(
    "harris2020", "Harris et al. 2020", "Harris, C. R. and Millman, K. J. and others",
    "Array programming with NumPy", "Nature", 2020, "585", "357--362",
    "10.1038/s41586-020-2649-2",
)  # fmt: skip
_SCIPY = Reference(
    "virtanen2020", "Virtanen et al. 2020", "Virtanen, P. and Gommers, R. and others",
    "SciPy 1.0: fundamental algorithms for scientific computing in Python", "Nature Methods",
    2020, "17", "261--272", "10.1038/s41592-019-0686-2",
)  # fmt: skip
_SKIMAGE = Reference(
    "vanderwalt2014", "van der Walt et al. 2014",
    "van der Walt, S. and Schönberger, J. L. and others",
    "scikit-image: image processing in Python", "PeerJ", 2014, "2", "e453",
    "10.7717/peerj.453",
)  # fmt: skip
_PANDAS = Reference(
    "mckinney2010", "McKinney 2010", "McKinney, W.",
    "Data structures for statistical computing in Python",
    "Proceedings of the 9th Python in Science Conference", 2010, "", "56--61",
    "10.25080/Majora-92bf1922-00a",
)  # fmt: skip
_OTSU = Reference(
    "otsu1979", "Otsu 1979", "Otsu, N.",
    "A threshold selection method from gray-level histograms",
    "IEEE Transactions on Systems, Man, and Cybernetics", 1979, "9", "62--66",
    "10.1109/TSMC.1979.4310076",
)  # fmt: skip
_TRIANGLE = Reference(
    "zack1977", "Zack et al. 1977", "Zack, G. W. and Rogers, W. E. and Latt, S. A.",
    "Automatic measurement of sister chromatid exchange frequency",
    "Journal of Histochemistry and Cytochemistry", 1977, "25", "741--753", "10.1177/25.7.70454",
)  # fmt: skip
_LI = Reference(
    "li1993", "Li and Lee 1993", "Li, C. H. and Lee, C. K.",
    "Minimum cross entropy thresholding", "Pattern Recognition", 1993, "26", "617--625",
    "10.1016/0031-3203(93)90115-D",
)  # fmt: skip
_YEN = Reference(
    "yen1995", "Yen et al. 1995", "Yen, J.-C. and Chang, F.-J. and Chang, S.",
    "A new criterion for automatic multilevel thresholding",
    "IEEE Transactions on Image Processing", 1995, "4", "370--378", "10.1109/83.366472",
)  # fmt: skip
_ISODATA = Reference(
    "ridler1978", "Ridler and Calvard 1978", "Ridler, T. W. and Calvard, S.",
    "Picture thresholding using an iterative selection method",
    "IEEE Transactions on Systems, Man, and Cybernetics", 1978, "8", "630--632",
    "10.1109/TSMC.1978.4310039",
)  # fmt: skip
_SAUVOLA = Reference(
    "sauvola2000", "Sauvola and Pietikäinen 2000", "Sauvola, J. and Pietikäinen, M.",
    "Adaptive document image binarization", "Pattern Recognition", 2000, "33", "225--236",
    "10.1016/S0031-3203(99)00055-2",
)  # fmt: skip
_MINIMUM = Reference(
    "prewitt1966", "Prewitt and Mendelsohn 1966", "Prewitt, J. M. S. and Mendelsohn, M. L.",
    "The analysis of cell images", "Annals of the New York Academy of Sciences", 1966, "128",
    "1035--1053", "10.1111/j.1749-6632.1965.tb11715.x",
)  # fmt: skip
_MEAN = Reference(
    "glasbey1993", "Glasbey 1993", "Glasbey, C. A.",
    "An analysis of histogram-based thresholding algorithms",
    "CVGIP: Graphical Models and Image Processing", 1993, "55", "532--537",
    "10.1006/cgip.1993.1040",
)  # fmt: skip
_WATERSHED = Reference(
    "vincent1991", "Vincent and Soille 1991", "Vincent, L. and Soille, P.",
    "Watersheds in digital spaces: an efficient algorithm based on immersion simulations",
    "IEEE Transactions on Pattern Analysis and Machine Intelligence", 1991, "13", "583--598",
    "10.1109/34.87344",
)  # fmt: skip
_SUPERPLOTS = Reference(
    "lord2020", "Lord et al. 2020", "Lord, S. J. and Velle, K. B. and others",
    "SuperPlots: communicating reproducibility and variability in cell biology",
    "Journal of Cell Biology", 2020, "219", "e202001064", "10.1083/jcb.202001064",
)  # fmt: skip

_WHOLE_CELLS = (
    Work("miles1974", "Miles, R. E. (1974). In: Harding, E. F. and Kendall, D. G. (editors), "
         "Stochastic Geometry, Wiley: 228."),
    Work("lantuejoul1980", "Lantuéjoul, C. (1980). Mikroskopie 37: 267."),
)  # fmt: skip

_OF_PACKAGES = {
    "numpy": _NUMPY,
    "scipy": _SCIPY,
    "scikit-image": _SKIMAGE,
    "pandas": _PANDAS,
}
_OF_CHOICES = {
    "otsu": _OTSU,
    "triangle": _TRIANGLE,
    "li": _LI,
    "yen": _YEN,
    "isodata": _ISODATA,
    "mean": _MEAN,
    "minimum": _MINIMUM,
    "sauvola": _SAUVOLA,
}


def references_of(run: Mapping[str, Any]) -> tuple[Reference, ...]:
    """The papers that a run stands on, and no others: its method's first, then packages.

    Examples
    --------
    >>> run = {"method": {"name": "threshold", "options": {"algorithm": "otsu"}},
    ...        "versions": {"numpy": "2.4.6"}}
    >>> [reference.key for reference in references_of(run)]
    ['otsu1979', 'harris2020', 'lord2020']
    """
    method = run.get("method") or {}
    options = method.get("options") or {}
    words = [str(method.get("name", "")), *map(str, options.values())]
    # A threshold's algorithm stands among the options under whatever name the method gave it.
    found = [_OF_CHOICES[word.casefold()] for word in words if word.casefold() in _OF_CHOICES]
    if options.get("level") is not None:  # a fixed level: the algorithm was not asked
        found = []
    splits = [value for name, value in options.items() if "split" in str(name).casefold()]
    if "watershed" in map(str.casefold, words) or any(_is_on(value) for value in splits):
        found.append(_WATERSHED)
    versions = run.get("versions") or {}
    found += [paper for package, paper in _OF_PACKAGES.items() if package in versions]
    return (*dict.fromkeys(found), _SUPERPLOTS)


def _is_on(value: object) -> bool:
    return str(value).casefold() not in {"", "false", "none", "no", "off"}


def works_of(run: Mapping[str, Any]) -> tuple[Work, ...]:
    """What a run stands on beside papers: the program, its model, how cells were counted.

    Examples
    --------
    >>> [work.full for work in works_of({"cellwright": "0.1.0"})]
    ['The cellwright developers. cellwright, version 0.1.0.']
    """
    version = visible(run.get("cellwright", ""))
    found = [
        Work("cellwright", "The cellwright developers. cellwright" + f", version {version}.")
    ] if version else []  # fmt: skip
    card = (run.get("method") or {}).get("model") or {}
    found += [
        Work(f"model{number}", visible(work.get("text", "")), visible(work.get("link", "")))
        for number, work in enumerate(records(card, "cite"), 1)
    ]
    if any(entry.get("counted") for entry in records(run, "inputs")):
        found += _WHOLE_CELLS
    return tuple(found)


def bibtex(reference: Reference | Work) -> str:
    """The BibTeX entry of a paper.

    Examples
    --------
    >>> print(bibtex(references_of({})[0]).splitlines()[0])
    @article{lord2020,
    >>> print(bibtex(Work("own", "A {strange} text.", "https://doi.org/10.1/x")))
    @misc{own,
      note = {A strange text.},
      url = {https://doi.org/10.1/x},
    }
    """
    if isinstance(reference, Work):
        note = reference.text.translate(_NOT_IN_BIBTEX)
        link = reference.link.translate(_NOT_IN_BIBTEX)
        lines = [f"  note = {{{note}}},", *([f"  url = {{{link}}},"] if link else [])]
        return "\n".join([f"@misc{{{reference.key},", *lines, "}"])
    fields = {
        "author": reference.authors,
        "title": "{" + reference.title + "}",
        "journal": reference.journal,
        "year": str(reference.year),
        "volume": reference.volume,
        "pages": reference.pages,
        "doi": reference.doi,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@article{{{reference.key},", *lines, "}"])
