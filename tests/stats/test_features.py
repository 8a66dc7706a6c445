"""Which columns are declared."""

from __future__ import annotations

from cellwright.stats.features import declarations


def test_columns_of_a_channel_are_told_from_longer_names() -> None:
    names = ["intensity_mean_GFP", "intensity_mean_corrected_GFP", "intensity_mean_corrected"]
    meanings = {name: one.meaning for name, one in declarations(names).items()}
    assert "less background" in meanings["intensity_mean_corrected_GFP"]
    assert meanings["intensity_mean_GFP"] == "Mean intensity in GFP"
    assert meanings["intensity_mean_corrected"] == "Mean intensity in corrected"
