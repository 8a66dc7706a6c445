"""What later answers add to what the report of a run shows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cellwright.pipeline.report_data import told_by, with_odd


def test_what_is_odd_is_joined_by_picture_frame_and_label() -> None:
    viewed = pd.DataFrame(
        {"image": ["a", "a", "b", "b"], "frame": [0, 1, 0, 0], "label": [1, 1, 1, 2]}
    )
    odd = pd.DataFrame(
        {
            "image": ["b", "a", "a", "b"], "frame": [0, 1, 0, 0], "label": [1, 1, 1, 2],
            "p": [0.01, 0.5, float("nan"), 0.9], "is_outlier": [True, False, False, False],
        }
    )  # fmt: skip
    found = with_odd(viewed, odd)["odd"]
    assert found.isna().tolist() == [True, False, False, False]
    assert found.fillna(False).tolist() == [False, False, True, False]


def test_tables_without_pictures_add_nothing() -> None:
    viewed = pd.DataFrame({"image": ["a"], "frame": [0], "label": [1]})
    assert list(with_odd(viewed, pd.DataFrame({"p": [0.5]})).columns) == list(viewed.columns)


def test_samples_tell_what_pictures_are_of(tmp_path: Path) -> None:
    samples = tmp_path / "samples.csv"
    samples.write_text("image,condition,note\nb.tif,drug,mine\n", "utf-8")
    images = pd.DataFrame({"image": ["a.tif", "b.tif"], "condition": ["old", "old"]})
    told = told_by(images, samples)
    assert told["condition"].tolist() == ["", "drug"]
    assert "note" not in told
