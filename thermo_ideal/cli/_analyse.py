"""`thermo-ideal analyse`: a training log as a gas."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from thermo_ideal.cli._types import DIMENSION


def analyse(
    log: Path,
    *,
    columns: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    groups: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    lr: float | None = None,
    wd: float | None = None,
    momentum: float = 0.0,
    decay: Literal["coupled", "decoupled"] = "coupled",
    batch: float | None = None,
    dim: Annotated[int | None, DIMENSION] = None,
    steps_per_epoch: float | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what a training log tells about its run as a gas, and what it cannot tell.

    Reads CSV (Lightning's metrics.csv, exports of Weights & Biases), JSON lines, JSON and trainer_state.json, also
    gzipped. The run is SGD with momentum on a scale-invariant loss.

    Parameters
    ----------
    log
        The file.
    columns
        ROLE=COLUMN for each column without a usual name, as in weight_norm=params/l2; roles are step, epoch, loss,
        weight_norm, gradient_norm (of the loss, before clipping), full_gradient_norm and learning_rate.
    groups
        ROLE=PATTERN, where {} stands for the name of a group of weights, as in
        weight_norm=norm/{} gradient_norm=grad/{}.
    lr
        Learning rate, if no column has it.
    wd
        Weight decay.
    momentum
        Of the heavy ball.
    decay
        "coupled" as in torch.optim.SGD and optax.add_decayed_weights before optax.sgd; "decoupled", times the learning
        rate, as in Keras.
    batch
        Samples in a batch.
    dim
        Number of scale-invariant weights.
    steps_per_epoch
        Where the log has epochs only.
    json
        Print one JSON object.
    out
        A folder for report.txt, report.json and figure.png.
    overwrite
        Replace what is in the folder.
    """
    from rich.console import Console

    from thermo_ideal._files import require_writable, write_whole
    from thermo_ideal.experiments import analyse_log
    from thermo_ideal.reports import print_log
    from thermo_ideal.reports._logs import write_log

    names = ["report.txt", "report.json", "figure.png"]
    by_hand, patterns = _pairs("columns", columns), _pairs("groups", groups)
    if out is not None:
        require_writable(out, names, overwrite)
    found = analyse_log(
        log,
        columns=by_hand,
        groups=patterns,
        learning_rate=lr,
        weight_decay=wd,
        momentum=momentum,
        decay=decay,
        batch=batch,
        dimension=dim,
        steps_per_epoch=steps_per_epoch,
    )
    if out is not None:
        write_whole(out, names, lambda folder: write_log(found, folder), overwrite)
    if json:
        print(found.to_json())
    else:
        print_log(found, Console())
    return 0


def _pairs(option: str, words: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in (part for text in words or [] for part in text.split(",")):
        role, equals, column = word.partition("=")
        if not (role and equals and column):
            line = f"--{option} weight_norm={word or 'r'}"
            raise ValueError(f"--{option}: got {word!r}, expected ROLE=COLUMN; type {line}")
        if role in pairs:
            raise ValueError(f"--{option}: got {role} twice, as {pairs[role]} and {column}; leave one out")
        pairs[role] = column
    return pairs
