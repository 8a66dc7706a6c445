"""The door of the quality checks: thresholds, the worst verdict, pictures of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.quality.check import Finding, grade
from cellwright.quality.judge import (
    check_versions,
    judge_plane,
    loaded_checks,
    parse_thresholds,
    worst,
)
from cellwright.simulate.nuclei import simulate_nuclei

CHECKS = {"focus", "saturation", "emptiness", "illumination", "noise"}


def findings(plane: Array, bits: int | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in judge_plane(plane, "DAPI", bits)}


def verdicts(plane: Array) -> dict[str, str]:
    return {name: finding.verdict for name, finding in findings(plane).items()}


def test_all_five_checks_are_found() -> None:
    assert set(loaded_checks()) >= CHECKS
    assert list(check_versions()) == list(loaded_checks())


def test_a_good_picture_passes_every_check_and_each_gives_a_number_and_a_reason() -> None:
    found = findings(simulate_nuclei(seed=3)[0])
    assert worst(found.values()) == "pass"
    for finding in found.values():
        assert finding.channel == "DAPI"
        assert np.isfinite(finding.value)
        assert any(sign.isdigit() for sign in finding.reason)
        assert not finding.reason.endswith(".")


@pytest.mark.parametrize(("gain", "offset"), [(0.02, 0.0), (7.0, -300.0), (1e6, 1e7), (1e-25, 0)])
def test_gain_and_offset_of_the_camera_change_no_verdict(gain: float, offset: float) -> None:
    picture, _ = simulate_nuclei(seed=5, bits=16, illumination=0.2)
    other = picture.astype(np.float64) * gain + offset
    one, two = findings(picture), findings(other)
    for check in ("focus", "illumination", "noise", "emptiness"):
        assert two[check].verdict == one[check].verdict
        assert two[check].value == pytest.approx(one[check].value, rel=0.02)


def test_turning_a_picture_changes_no_verdict() -> None:
    picture, _ = simulate_nuclei((480, 512), seed=5, illumination=0.2)
    upright = findings(picture)
    for other in (np.rot90(picture), picture[::-1], picture[:, ::-1]):
        turned = findings(other)
        assert {n: f.verdict for n, f in turned.items()} == {
            n: f.verdict for n, f in upright.items()
        }
        assert turned["focus"].value == pytest.approx(upright["focus"].value, rel=0.1)


def test_the_same_picture_gives_the_same_findings_whatever_its_memory_order() -> None:
    picture, _ = simulate_nuclei((700, 700), seed=1)
    again = np.asfortranarray(picture)
    assert [f.verdict for f in judge_plane(picture, "0", None)] == [
        f.verdict for f in judge_plane(again, "0", None)
    ]
    assert judge_plane(picture, "0", None) == judge_plane(picture.copy(), "0", None)


def test_judging_leaves_the_picture_as_it_is() -> None:
    picture, _ = simulate_nuclei((128, 128), n=5, seed=1)
    values = picture.astype(np.float32)
    values[3, 3] = np.nan
    before = values.copy()
    judge_plane(values, "0", None)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_a_constant_picture_fails_as_empty_and_for_nothing_else(
    value: int, dtype: type[np.generic]
) -> None:
    found = findings(np.full((64, 64), value).astype(dtype))
    assert {name for name, finding in found.items() if finding.verdict != "pass"} == {"emptiness"}
    assert found["emptiness"].verdict == "fail"
    assert str(value) in found["emptiness"].reason


def test_one_pixel_is_a_constant_picture() -> None:
    assert verdicts(np.array([[5]], np.uint16))["emptiness"] == "fail"


def test_a_picture_without_a_finite_number_fails_and_says_so() -> None:
    found = findings(np.full((32, 32), np.nan))
    assert found["emptiness"].verdict == "fail"
    assert "finite" in found["emptiness"].reason


def test_a_share_of_pixels_that_are_not_finite_is_a_reason_of_its_own() -> None:
    picture = simulate_nuclei(seed=3)[0].astype(np.float32)
    sound = findings(picture)
    picture[:51, :] = np.nan
    picture[51, 0] = np.inf
    found = findings(picture)
    assert found["emptiness"].verdict == "warn"
    assert "10 %" in found["emptiness"].reason
    assert {n: f.verdict for n, f in found.items() if n != "emptiness"} == {
        n: f.verdict for n, f in sound.items() if n != "emptiness"
    }


def test_a_mask_of_two_values_is_neither_saturated_nor_noisy() -> None:
    _, labels = simulate_nuclei(seed=3)
    for mask in (labels > 0, (labels > 0).astype(np.uint8) * 255):
        found = verdicts(mask)
        assert (found["saturation"], found["noise"], found["emptiness"]) == ("pass",) * 3


def test_a_picture_without_any_noise_has_no_infinite_number_in_its_findings() -> None:
    plane = np.zeros((64, 64))
    plane[16:32, 16:32] = 9.0
    found = findings(plane)
    assert found["emptiness"].verdict == found["noise"].verdict == "pass"
    assert not any(np.isinf(finding.value) for finding in found.values())


def test_signed_numbers_are_judged_as_unsigned_ones() -> None:
    picture, _ = simulate_nuclei(seed=3, bits=16, brightness=0.2)
    signed = (picture.astype(np.int32) - 32768).astype(np.int16)
    assert verdicts(signed) == verdicts(picture)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(
            [np.bool_, np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64]
        ),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
    )
)
def test_any_plane_can_be_judged(plane: Array) -> None:
    found = findings(plane)
    assert list(found) == list(loaded_checks())
    assert {finding.verdict for finding in found.values()} <= {"pass", "warn", "fail"}
    assert all(finding.reason for finding in found.values())


@pytest.mark.parametrize(
    "plane", [np.zeros((2, 4, 4)), np.zeros((4, 4), complex), np.array([["a"]])]
)
def test_what_is_no_plane_of_numbers_is_refused(plane: Array) -> None:
    with pytest.raises(UsageError, match="cannot be judged"):
        judge_plane(plane, "0", None)


def test_thresholds_of_the_user_replace_the_defaults() -> None:
    picture, _ = simulate_nuclei(seed=3)
    focus = findings(picture)["focus"].value
    strict = judge_plane(picture, "0", None, {"focus": (focus / 2, focus * 2)})
    assert {f.check: f.verdict for f in strict}["focus"] == "warn"
    harsh = judge_plane(picture, "0", None, {"focus": (focus / 3, focus / 2)})
    assert {f.check: f.verdict for f in harsh}["focus"] == "fail"
    with pytest.raises(UsageError, match="blurr"):
        judge_plane(picture, "0", None, {"blurr": (1, 2)})


def test_thresholds_are_read_and_errors_say_what_there_is() -> None:
    assert parse_thresholds([]) == {}
    assert parse_thresholds(["focus=5:8", "emptiness=10:0"]) == {
        "focus": (5.0, 8.0),
        "emptiness": (10.0, 0.0),
    }
    with pytest.raises(UsageError, match=r"choose .*illumination"):
        parse_thresholds(["sharpness=1:2"])
    for text in ("focus", "focus=", "focus=1", "focus=1:2:3", "focus=a:b", "focus=nan:3"):
        with pytest.raises(UsageError, match=r"focus=3\.6:5"):
            parse_thresholds([text])
    with pytest.raises(UsageError, match="twice"):
        parse_thresholds(["focus=5:8", "focus=5:9"])
    with pytest.raises(UsageError, match="before it warns"):
        parse_thresholds(["focus=8:5"])
    with pytest.raises(UsageError, match="before it warns"):
        parse_thresholds(["noise=2:5"])


def test_grade_reads_the_direction_off_the_thresholds() -> None:
    assert [grade(v, 1, 2) for v in (0.9, 1.0, 2.0)] == ["pass", "warn", "fail"]
    assert [grade(v, 2, 1) for v in (2.1, 2.0, 1.0)] == ["pass", "warn", "fail"]
    assert grade(float("nan"), 1, 2) == "pass"


def test_worst_of_none_is_a_pass() -> None:
    assert worst([]) == "pass"
    two = [Finding("a", "0", 1, "warn", ""), Finding("b", "0", 1, "fail", "")]
    assert worst(two) == "fail"
