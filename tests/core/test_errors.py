from __future__ import annotations

import pickle

import pytest

from cellwright.core import errors


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n != "CellwrightError"])
def test_every_error_survives_the_way_out_of_a_worker(name: str) -> None:
    error = getattr(errors, name)("it broke", where="a.tif", remedy="mend it")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert str(again) == "a.tif: it broke; mend it"
    assert again.reason == "it broke; mend it"
    assert isinstance(error, errors.CellwrightError)
