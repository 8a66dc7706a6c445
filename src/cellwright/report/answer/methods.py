"""How it was compared, in sentences that can go into a paper."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cellwright.core.version import VERSION
from cellwright.report.answer.data import Answer
from cellwright.report.references import Work
from cellwright.report.template import Markup, fill
from cellwright.report.wording import joined, visible
from cellwright.stats.comparing import MOST_TOGETHER

__all__ = ["methods", "sentences", "works"]

_TESTS = {
    "paired t": "paired t tests of the replicates",
    "Welch t": "Welch's t tests of the replicates",
    "Student t": "Student's t tests of the replicates",
    "permutation": "permutation tests of the replicates",
    "paired permutation": "permutation tests within the replicates",
}
_CORRECTIONS = {
    "holm": "Holm's method", "bh": "the method of Benjamini and Hochberg",
}  # fmt: skip

_WELCH = (
    "Welch BL (1947). The generalization of 'Student's' problem when several different population "
    "variances are involved. Biometrika 34: 28-35."
)
_DUNNETT = (
    "Dunnett CW (1955). A multiple comparison procedure for comparing several treatments with a "
    "control. Journal of the American Statistical Association 50: 1096-1121.",
    "Hasler M, Hothorn LA (2008). Multiple contrast tests in the presence of heteroscedasticity. "
    "Biometrical Journal 50: 793-800.",
)
_HOLM = (
    "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal "
    "of Statistics 6: 65-70."
)
_BH = (
    "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. Journal of the Royal "
    "Statistical Society B 57: 289-300."
)
_LORD = (
    "Lord SJ, Velle KB, Mullins RD, Fritz-Laylin LK (2020). SuperPlots: communicating "
    "reproducibility and variability in cell biology. Journal of Cell Biology 219: e202001064."
)


def methods(answer: Answer, files: Iterable[str]) -> Markup:
    """The paragraph, its references, and what was written."""
    return fill(
        "answer_methods.html.j2",
        paragraphs=list(sentences(answer)),
        references=list(_references(answer)),
        files=list(files),
    )


def works(answer: Answer) -> tuple[Work, ...]:
    """What the sentences stand on, but for the one that each report cites already."""
    return tuple(Work(_key(text), text) for text in _references(answer) if text != _LORD)


def _key(text: str) -> str:
    """Of a work: its first author and year.

    Examples
    --------
    >>> _key("Welch BL (1947). The generalization of ...")
    'welch1947'
    """
    year = re.search(r"[(]([0-9]{4})[)]", text)
    return text.partition(" ")[0].lower() + (year[1] if year else "")


def sentences(answer: Answer) -> Iterable[str]:
    """Say what was compared, over what, and by which tests."""
    comparison = answer.comparison
    plan, design = comparison.plan, comparison.design
    reference = visible(design.reference.name, 60)
    if not design.unit:
        yield (
            f"Conditions were compared with {reference} by the {plan.summary} of their cells. No "
            "independent replicates were stated, so that no test was made."
        )
        return
    yield (
        f"{_features(answer)} summarised by the {plan.summary} of {_of_what(answer)}"
        f"{'' if plan.summary == 'mean' else ' (yes and no: by the share of yes)'} of each "
        f"replicate ({visible(design.unit)}), the unit of analysis. Conditions were compared with "
        f"{reference}{_by_tests(answer)}{_intervals(answer)}."
    )
    if how := _over_conditions(answer):
        yield f"p values were adjusted for the conditions compared with one reference ({how})."
    if _over_features(answer):
        but = f", but for {visible(plan.primary)}, named beforehand," if plan.primary else ""
        yield f"Over the features{but} they were adjusted by {_CORRECTIONS[plan.correction]}."
    yield f"Statistics by cellwright {VERSION}."


def _features(answer: Answer) -> str:
    features = answer.comparison.features
    if len(features) == 1:
        return f"{visible(features[0].name, 60)} was"
    return f"Each of the {len(features)} features was"


def _of_what(answer: Answer) -> str:
    kinds = {one.of for one in answer.comparison.features}
    if kinds == {"cells"}:
        return "the cells"
    return "the pictures" if kinds == {"pictures"} else "the cells (of counts: of the pictures)"


def _intervals(answer: Answer) -> str:
    table, level = answer.comparison.table, answer.comparison.plan.level
    if table["ci_low"].isna().all():
        return "; no test was made and no interval is given, as replicates are too few or equal"
    return f"; intervals of {100 * level:g} % are over replicates, from the t distribution"


def _by_tests(answer: Answer) -> str:
    used = [_TESTS[test] for test in dict.fromkeys(answer.comparison.table["test"]) if test]
    return f" by {joined(used)}" if used else ""


def _over_conditions(answer: Answer) -> str:
    """How p is adjusted over the conditions; empty where it is not."""
    comparison = answer.comparison
    table = comparison.table
    tested = set(table.loc[(table["role"] == "test") & table["p"].notna(), "condition"])
    if len(tested) < 2:
        return ""
    if len(tested) > MOST_TOGETHER or comparison.plan.test == "permutation":
        return _CORRECTIONS["holm"]
    return "Dunnett's procedure with spreads and degrees of freedom of each comparison"


def _over_features(answer: Answer) -> bool:
    """Whether p is adjusted over the features."""
    table = answer.comparison.table
    tested = set(table.loc[~table["primary"].astype(bool) & table["p"].notna(), "feature"])
    return answer.comparison.plan.correction != "none" and len(tested) > 1


def _references(answer: Answer) -> Iterable[str]:
    how, over = _over_conditions(answer), _over_features(answer)
    correction = answer.comparison.plan.correction
    if "Welch t" in set(answer.comparison.table["test"]):
        yield _WELCH
    if how.startswith("Dunnett"):
        yield from _DUNNETT
    if how == _CORRECTIONS["holm"] or (over and correction == "holm"):
        yield _HOLM
    if over and correction == "bh":
        yield _BH
    yield _LORD
