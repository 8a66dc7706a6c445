"""Doses in one unit."""

from __future__ import annotations

import pytest

from cellwright.core.errors import UsageError
from cellwright.stats.doses import in_one_unit, parse_dose


@pytest.mark.parametrize(
    ("unit", "value", "kind"),
    [
        ("uM", 1e-6, "mol/l"), ("µM", 1e-6, "mol/l"), ("nmol/l", 1e-9, "mol/l"),
        ("mol/l", 1, "mol/l"), ("ng/ml", 1e-6, "g/l"), ("ug/mL", 1e-3, "g/l"), ("ng", 1e-9, "g"),
        ("%", 1e-2, "share"), ("IU/ml", 1e3, "IU/l"), ("mg/kg", 1, "mg/kg"), ("", 1, ""),
        ("mGy", 1e-3, "Gy"), ("mJ/cm2", 10, "J/m2"), ("J/mm2", 1e6, "J/m2"),
    ],
)  # fmt: skip
def test_units_are_understood(unit: str, value: float, kind: str) -> None:
    found = parse_dose(1, unit)
    assert found.value == pytest.approx(value)
    assert found.kind == kind


def test_doses_come_in_the_unit_that_most_have() -> None:
    doses, unit = in_one_unit([(0, ""), (300, "nM"), (1, "uM"), (3, "uM")])
    assert (doses, unit) == ([0, 0.3, 1, 3], "uM")


def test_grams_and_moles_are_not_one() -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        in_one_unit([(1, "uM"), (1, "ng/ml")])


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_dose_is_a_number_from_nothing_on(value: float) -> None:
    with pytest.raises(UsageError, match="no dose"):
        parse_dose(value, "nM")
