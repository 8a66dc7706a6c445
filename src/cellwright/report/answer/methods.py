"""How it was compared, in sentences that can go into a paper."""

from __future__ import annotations

from collections.abc import Iterable

from cellwright.core.version import VERSION
from cellwright.report.answer.data import Answer
from cellwright.report.template import Markup, fill
from cellwright.report.wording import joined, visible
from cellwright.stats.comparing import MOST_TOGETHER

__all__ = ["methods", "sentences"]

_TESTS = {
    "paired t": "paired t tests of the replicates",
    "Welch t": "Welch's t tests of the replicates",
    "Student t": "Student's t tests of the replicates",
    "permutation": "permutation tests of the replicates",
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
        f"Each of the {len(comparison.features)} features was summarised by the {plan.summary} of "
        f"the cells of each replicate ({visible(design.unit)}), the unit of analysis. Conditions "
        f"were compared with {reference}{_by_tests(answer)}; intervals of {100 * plan.level:g} % "
        "are over replicates, from the t distribution."
    )
    if _several(answer):
        yield (
            "p values were adjusted for the conditions compared with one reference (Dunnett's "
            "procedure with spreads and degrees of freedom of each comparison)."
        )
    if plan.correction != "none" and len(comparison.features) > 1:
        but = f", but for {visible(plan.primary)}, named beforehand," if plan.primary else ""
        yield f"Over the features{but} they were adjusted by {_CORRECTIONS[plan.correction]}."
    yield f"Statistics by cellwright {VERSION}."


def _by_tests(answer: Answer) -> str:
    used = [_TESTS[test] for test in dict.fromkeys(answer.comparison.table["test"]) if test]
    return f" by {joined(used)}" if used else ""


def _several(answer: Answer) -> bool:
    asked = [one for one in answer.comparison.design.others if one.role == "test"]
    return 1 < len(asked) <= MOST_TOGETHER and answer.comparison.plan.test != "permutation"


def _references(answer: Answer) -> Iterable[str]:
    used = set(answer.comparison.table["test"])
    if "Welch t" in used:
        yield _WELCH
    if _several(answer) and used - {""}:
        yield from _DUNNETT
    if answer.comparison.plan.correction == "holm":
        yield _HOLM
    elif answer.comparison.plan.correction == "bh":
        yield _BH
    yield _LORD
