"""The model card of a run: what was trained on what, how good it is and how sure that is, and what it is not for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from rmfer import __version__
from rmfer.evaluation import Interval, class_recalls
from rmfer.evaluation.evaluate import Evaluation
from rmfer.labels import class_names
from rmfer.model.saved import ModelInfo

_PAPER = (
    "RMFER: Semi-supervised Contrastive Learning for Facial Expression Recognition with Reaction Mashup Video "
    "(Cho et al., WACV 2024)"
)

# What is told of the settings, and how it is called; the rest is in config.yaml.
_SETTINGS = {
    "lambda_fer": "weight of classification",
    "lambda1": "weight of IAL",
    "lambda2": "weight of ACL",
    "tau": "temperature",
    "gamma": "share of P and N kept",
    "epochs_pre": "epochs before ACL",
    "epochs": "epochs",
    "batch_size": "labelled images a step",
    "balance": "classes in a batch",
    "optimizer": "optimiser",
    "lr": "learning rate",
    "sam": "SAM",
    "weights": "first weights",
    "seed": "seed",
}

_LIMITS = """\
- Labels are what annotators saw in faces, not what people felt: an expression is no proof of an emotion, an intention
  or the truth of what somebody says.
- Accuracy differs between expressions, as the table shows. It very likely differs between ages, skin colours, cultures,
  poses and cameras too, which was not measured.
- Probabilities are not calibrated: 0.9 does not mean right nine times in ten.
- Faces have to be found and aligned as `rmfer predict` does it; on other crops accuracy is another.
- Do not decide about people with it, in hiring, schools, policing, insurance or care. Some laws forbid that, such as
  Art. 5 of the European Union's AI Act for workplaces and schools.
"""


def model_card(info: ModelInfo, evaluations: Sequence[Evaluation]) -> str:
    """A card in Markdown, headed by the metadata that model hubs read.

    Args:
        info: of the run's best model.
        evaluations: of the last and of the best epoch on the test split, by each rule; all of them are told, in this
            order, and the recalls by the first rule.

    Example:
        >>> Path("runs/ferplus/MODEL_CARD.md").write_text(model_card(info, [last, best]))  # doctest: +SKIP
    """
    name = _name(info)
    sections = {
        "Accuracy": _accuracy(evaluations),
        "Training": _training(info),
        "Use": _use(info),
        "Limits": _LIMITS,
        "Terms": _terms(info),
    }
    head = f"---\n{_header(name, info, evaluations)}---\n\n# {name}\n\n{_summary(info)}"
    return "\n".join([head, *(f"## {title}\n\n{text}" for title, text in sections.items())])


def _name(info: ModelInfo) -> str:
    return f"RMFER, {info.backbone}, trained on {info.benchmark or 'an unnamed benchmark'}"


def _header(name: str, info: ModelInfo, evaluations: Sequence[Evaluation]) -> str:
    results = [
        EvalResult(
            task_type="image-classification",
            task_name="facial expression recognition",
            dataset_type=_slug(found.benchmark),
            dataset_name=found.benchmark,
            dataset_split=found.place,
            metric_type="accuracy",
            metric_name=f"{what} accuracy, {found.info.which} epoch",
            metric_value=round(100 * value, 2),
        )
        for found in evaluations
        for what, value in (("overall", found.overall), ("average", found.average))
    ]
    header = ModelCardData(
        license="other",
        library_name="rmset-builder",
        pipeline_tag="image-classification",
        tags=["facial-expression-recognition", "rmfer", info.backbone],
        model_name=name,
        eval_results=results,
    )
    return f"{header.to_yaml()}\n"


def _summary(info: ModelInfo) -> str:
    names = class_names(info.classes)
    return (
        f"Tells {', '.join(names[:-1])} and {names[-1]} apart in aligned faces. A {info.backbone} of timm's at "
        f"{info.size} x {info.size} pixels, trained by `rmfer train` {__version__} after _{_PAPER}_.\n"
    )


def _accuracy(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return "Not evaluated.\n"
    lines = [
        "| epoch | split | images | overall accuracy, % | average accuracy, % |",
        "|---|---|---|---|---|",
        *(
            f"| {found.info.which} ({found.info.epoch + 1}) | {found.benchmark}, {found.place} | {found.images:,} "
            f"| {_share(found.overall, found.intervals.overall)} | {_share(found.average, found.intervals.average)} |"
            for found in evaluations
        ),
        "",
        "Overall: correct / all. Average: mean of the recalls below. Single images, without test-time augmentation.",
        "In brackets 95 % intervals: of accuracies by bootstrap over images, of recalls Wilson's. They tell of the",
        "test set's size, not of how another seed would have done.",
        _selection(evaluations[-1].info),
        "",
    ]
    lines += _recalls([found for found in evaluations if found.rule == evaluations[0].rule])
    notes = dict.fromkeys(note for found in evaluations for note in found.notes)
    return "\n".join([*lines, *(f"\nNote: {note}." for note in notes), ""])


def _recalls(evaluations: Sequence[Evaluation]) -> list[str]:
    lines = [
        "| label | images | " + " | ".join(f"recall, {found.info.which} epoch, %" for found in evaluations) + " |",
        "|---|---" + "|---" * len(evaluations) + "|",
    ]
    recalls = [class_recalls(found.confusion).tolist() for found in evaluations]
    intervals = [found.recall_intervals for found in evaluations]
    counts = evaluations[0].confusion.sum(axis=1).tolist()
    for label, name in enumerate(evaluations[0].names):
        told = [_share(values[label], bounds[label]) for values, bounds in zip(recalls, intervals, strict=True)]
        lines.append(f"| {name} | {counts[label]:,} | " + " | ".join(told) + " |")
    return lines


def _selection(info: ModelInfo) -> str:
    if any(name.startswith("valid_") for name in info.metrics):
        on = info.config.get("select_on", "average")
        return f"The best epoch was chosen by {on} accuracy on the validation split, never on the test split."
    return "There was no validation split to choose an epoch by: the best is the last."


def _training(info: ModelInfo) -> str:
    told = [f"Labelled images: {info.benchmark or 'not told'}. {_faces(info.config)}"]
    if info.preset:
        told.append(f"Settings: {info.preset}, as resolved below; all of them are in the file's header.")
    rows = [f"| {what} | {_setting(info.config[key])} |" for key, what in _SETTINGS.items() if key in info.config]
    table = ["", "| setting | value |", "|---|---|", *rows] if rows else []
    return "\n".join([*told, *table, ""])


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return PurePath(value).name if isinstance(value, str) else str(value)  # where a file lay is nobody's business


def _faces(config: dict[str, Any]) -> str:
    """Where the faces without labels came from."""
    uses_acl = config.get("lambda2", 0) > 0 and config.get("epochs_pre", 0) < config.get("epochs", 1)
    sources = []
    if uses_acl:
        source = config.get("acl_source", "shards")
        named = {"shards": "reaction mashups (shards of `rmset extract`)", "benchmark": "the benchmark itself"}
        sources.append(f"contrastive learning (ACL) on {named.get(source, 'CelebA')}")
    if config.get("pretrain_epochs", 0):
        sources.append("SimCLR on reaction mashups before")
    return f"Faces without labels: {', '.join(sources)}." if sources else "No faces without labels."


def _use(info: ModelInfo) -> str:
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (info.mean, info.std))
    return f"""\
    rmfer predict . photo.jpg video.mp4        # in this folder: finds and aligns faces, writes JSON and marked pictures
    rmfer evaluate . --benchmark FOLDER        # on any benchmark
    rmfer export . --onnx model.onnx           # for other runtimes

Input: an aligned face, RGB in [0, 1], {info.size} x {info.size}, minus ({mean}), divided by ({std}).
Output: logits of {", ".join(class_names(info.classes))}.
"""


def _terms(info: ModelInfo) -> str:
    weights = str(info.config.get("weights", ""))
    begun = {
        "none": "Training began from random weights.",
        "hub": f"Training began from timm's weights of {info.backbone}: their licence holds, and that of their data.",
    }.get(weights, "Training began from weights in a file: their licence holds, and that of their data.")
    lines = [
        f"- {begun}" if weights else "",
        f"- {info.benchmark} has terms of its own; such sets are mostly for research only." if info.benchmark else "",
        "- insightface's models, which find faces for `rmset extract` and `rmfer predict`, are for non-commercial",
        "  research only; what is trained on shards made with them comes from such use.",
        "- Videos belong to their makers, and faces to the people they show.",
    ]
    return "\n".join([line for line in lines if line] + [""])


def _share(value: float, interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{100 * value:.2f} ({100 * interval.low:.2f} \N{EN DASH} {100 * interval.high:.2f})"


def _slug(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower()).strip("-") or "benchmark"
