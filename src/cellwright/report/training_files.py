"""What lies in the folder of a training, and what to do next."""

from __future__ import annotations

import shlex

from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import (
    BEFORE,
    CANDIDATE,
    COMPARISON,
    CONFUSION,
    FOLDS,
    FORGOTTEN,
    MODEL,
    PLAN,
    PREVIEW,
    SCORES,
    SUMMARY,
    TRAINING,
    Training,
)
from cellwright.report.wording import visible

__all__ = ["files"]

_MEANINGS = {
    MODEL: "The model, with its calibration, scores and card: give it to --model",
    CANDIDATE: "The model, which is not better than the one that it began with",
    PLAN: "What was asked, what the pictures are like, and every setting",
    PREVIEW: "Patches as the network saw them",
    SCORES: "Every score of each held-out picture",
    SUMMARY: "Scores over all held-out pictures, with intervals and the definition of each",
    "classes.csv": "Scores of each class on the held-out pictures",
    CONFUSION: "Which class was taken for which there",
    f"{BEFORE}classes.csv": "Scores of each class by the model that it began with",
    f"{BEFORE}{CONFUSION}": "Which class that model took for which",
    "precision_recall.csv": "Precision and recall at each confidence",
    "reliability.csv": "How often objects of a confidence are right",
    COMPARISON: "Differences to the model that it began with, on the held-out pictures",
    FORGOTTEN: "The same on pictures that this one was made for",
    TRAINING: "Loss, looks and checkpoint of the run that made the model",
    FOLDS: "The same of each part of the cross-validation",
    "data": "The pictures and labels as they were read",
    "also": "Pictures of before, as they were read",
}


def files(training: Training) -> Markup:
    """List the files that are there, and give the next commands."""
    name = visible(training.folder) or "T"
    folder = f"./{name}" if name.startswith("-") else name  # else taken for an option
    there = [
        (f"{name}/" if "." not in name else name, meaning)
        for name, meaning in _MEANINGS.items()
        if name in training.files
    ]
    return fill(
        "training_files.html.j2",
        files=there,
        commands=_commands(training, folder),
    )


def _commands(training: Training, folder: str) -> list[tuple[str, str]]:
    here = shlex.quote(folder)
    if not training.model:
        return [
            (
                "Go on with this training: the same command as before, such as",
                f"cellwright train ANNOTATIONS --out {here}",
            )
        ]
    model = shlex.quote(f"{folder}/{training.model}")
    said = [
        ("Find the objects in pictures", f"cellwright segment PICTURES --model {model} --out OUT"),
        ("Find, measure and report", f"cellwright analyze PICTURES --model {model} --out RUN"),
        (
            "Score it on annotated pictures that it has never seen",
            f"cellwright segment PICTURES --model {model} --out OUT\n"
            "cellwright evaluate OUT TRUTH --images PICTURES --out SCORES",
        ),
        ("See what is in the model file", f"cellwright models info {model}"),
    ]
    if not training.is_ensemble:
        said.append(
            (
                "Teach it more, from more pictures",
                f"cellwright train MORE_ANNOTATIONS --from {model} --out ANOTHER_FOLDER",
            )
        )
    if training.model == CANDIDATE:
        again = f"cellwright train ANNOTATIONS --from {shlex.quote(visible(training.beginning))}"
        said.append(
            ("Take it all the same, with the same options as before and --accept",
             f"{again} --out {here} --accept")
        )  # fmt: skip
    return said
