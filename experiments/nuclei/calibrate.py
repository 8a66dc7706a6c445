"""Fit the confidence of a model and score it: ``calibrate.py MODEL.zip DATA FITTED.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from data import training_and_validation

from cellwright.engine.onnx import Network
from cellwright.learn.calibrating import calibrated, estimates_of
from cellwright.learn.judging import judged
from cellwright.models.model import read_model


def main(path: str, data: str, out: str) -> None:
    """Write what was fitted, added to what the file holds."""
    model = read_model(path)
    answer = Network(model.weights).run
    _, examples = training_and_validation(Path(data))
    found = calibrated([judged(model, answer, example, {}) for example in examples])
    estimates = estimates_of(found.summary.overall)
    file = Path(out)
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    known |= {"calibration": found.calibration, "scores": {"validation": estimates}}
    file.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    error = found.calibration["expected_calibration_error"]
    print(json.dumps({"ece": error, **{n: e["value"] for n, e in estimates.items()}}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
