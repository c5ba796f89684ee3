"""Which column of a log is what, and the rows of a log as one series in the order of steps."""

import difflib
import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

from thermo_ideal.experiments._log_files import LogTable

ROLES: Mapping[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "trainer_global_step", "train_global_step", "iteration", "iter", "num_steps"),
    "epoch": ("epoch", "train_epoch", "epochs"),
    "loss": ("train_loss", "loss", "train_loss_step", "loss_step", "training_loss", "batch_loss"),
    "weight_norm": ("weight_norm", "param_norm", "params_norm", "weights_norm", "parameter_norm", "radius", "w_norm"),
    "gradient_norm": ("grad_norm", "gradient_norm", "grad_2_0_norm_total", "global_grad_norm", "total_grad_norm"),
    "full_gradient_norm": ("full_grad_norm", "full_gradient_norm"),
    "learning_rate": ("learning_rate", "lr", "lr_sgd", "train_lr", "train_learning_rate", "lr_sgd_pg1"),
}
"""Usual names of each role, compared after `train/Grad-Norm` has become `grad_norm`."""

UNITS = {
    "loss": "loss",
    "weight_norm": "weight",
    "gradient_norm": "loss/weight",
    "full_gradient_norm": "loss/weight",
    "learning_rate": "weight^2/loss",
}
"""Of the roles that are measured."""


def assign_columns(table: LogTable, by_hand: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: as the user says, else by its usual names.

    Raises:
        ValueError: an unknown role or column, a column with text in it, or several that could be meant.
    """
    for role, column in by_hand.items():
        if role not in ROLES:
            raise ValueError(
                f"--columns: got {role!r}, expected one of {', '.join(ROLES)}; {_line('weight_norm', table)}"
            )
        require_column(table, role, column)
    found = dict(by_hand)
    plain = {column: _plain(column) for column in (*table.columns, *table.text)}
    for role, names in ROLES.items():
        if role in found:
            continue
        for name in names:
            matches = [column for column, word in plain.items() if word in (name, f"train_{name}")]
            if len(matches) > 1:
                raise ValueError(
                    f"{table.source}: got columns {' and '.join(map(repr, matches))}, expected one {role}; type "
                    f"--columns {role}={matches[0]}"
                )
            if matches:
                require_column(table, role, matches[0])
                found[role] = matches[0]
                break
    return found


def require_column(table: LogTable, role: str, column: str) -> None:
    """Raises ValueError unless the table has this column, and numbers only in it."""
    if column in table.text:
        line, cell = table.text[column]
        raise ValueError(
            f"{table.source}, line {line}, column {column!r}: got {cell!r}, expected a number; correct the cell, or "
            f"{_line(role, table)}"
        )
    if column not in table.columns:
        close = difflib.get_close_matches(column, table.columns, 1, 0.0) or [""]
        raise ValueError(
            f"{table.source}: got no column {column!r} for {role}, expected one of {', '.join(table.columns)}; type "
            f"--columns {role}={close[0]}"
        )


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def _line(role: str, table: LogTable) -> str:
    return f"type --columns {role}={next(iter(table.columns), 'COLUMN')}"


def group_columns(table: LogTable, patterns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The columns of each group, by patterns such as `norm/{}`, where {} stands for the group's name.

    Raises:
        ValueError: a pattern without {}, an unknown role, or one that no column fits.
    """
    groups: dict[str, dict[str, str]] = {}
    for role, pattern in patterns.items():
        if role not in UNITS or pattern.count("{}") != 1:
            raise ValueError(
                f"--groups: got {role}={pattern}, expected one of {', '.join(UNITS)} with {{}} where the group's "
                "name is; type --groups weight_norm=norm/{} gradient_norm=grad/{}"
            )
        before, after = pattern.split("{}")
        names = [
            column[len(before) : len(column) - len(after)]
            for column in (*table.columns, *table.text)
            if column.startswith(before) and column.endswith(after) and len(column) > len(before) + len(after)
        ]
        if not names:
            raise ValueError(
                f"{table.source}: got no column that fits {role}={pattern}, expected some of {', '.join(table.columns)}"
            )
        for name in names:
            require_column(table, role, f"{before}{name}{after}")
            groups.setdefault(name, {})[role] = f"{before}{name}{after}"
    return groups


def as_series(
    table: LogTable, columns: Mapping[str, str], notes: list[str], steps_per_epoch: float | None
) -> xr.Dataset:
    """One row a step, in the order of steps.

    Rows of one step are averaged, norms by their squares, as those of several processes are. Of a run that was
    restarted, the later part counts.

    Args:
        table: the file.
        columns: of each role.
        notes: to which it is added what was done to the rows.
        steps_per_epoch: turns epochs into steps where there are no steps.

    Returns:
        The roles, over the dimension "step"; its attribute `clock` is "step", "epoch" or "row".
    """
    roles = [role for role in columns if role in UNITS]
    values = {role: table.columns[columns[role]] for role in roles}
    used = np.any([np.isfinite(column) for column in values.values()], axis=0) if values else np.zeros(0, bool)
    time, clock = _clock(table, columns, steps_per_epoch)
    used = used & np.isfinite(time) if used.size else used
    if not used.any():
        raise ValueError(
            f"{table.source}: got no row with a loss, a norm or a learning rate, expected some of "
            f"{', '.join(UNITS)} among the columns {', '.join(table.columns)}; {_line('weight_norm', table)}"
        )
    index = np.flatnonzero(used)
    index = index[_last_run(time[index], notes)]
    steps, row = np.unique(time[index], return_inverse=True)
    data = {}
    for role in roles:
        column = values[role][index]
        power = 2 if role.endswith("_norm") else 1
        known = np.isfinite(column)
        if power == 2 and (column[known] < 0).any():
            raise ValueError(
                f"{table.source}, column {columns[role]!r}: got {column[known].min():g}, expected norms >= 0"
            )
        count = np.bincount(row[known], minlength=len(steps))
        total = np.bincount(row[known], column[known] ** power, minlength=len(steps))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        if role == "gradient_norm" and count.max() > 1:
            notes.append(f"up to {count.max()} rows of one step are averaged, norms by their squares")
        attributes = {"units": UNITS[role], "column": columns[role]}
        data[role] = ("step", mean ** (1 / power), attributes)
    return xr.Dataset(data, {"step": ("step", steps, {"units": clock})}, {"clock": clock, "source": table.source})


def _clock(table: LogTable, columns: Mapping[str, str], steps_per_epoch: float | None) -> tuple[np.ndarray, str]:
    if "step" in columns:
        return table.columns[columns["step"]], "step"
    if "epoch" in columns:
        epochs = table.columns[columns["epoch"]]
        return (epochs, "epoch") if steps_per_epoch is None else (epochs * steps_per_epoch, "step")
    return np.arange(len(next(iter(table.columns.values()))), dtype=float), "row"


def _last_run(time: np.ndarray, notes: list[str]) -> np.ndarray:
    """The rows that no later part of the run repeats."""
    starts = np.flatnonzero(np.diff(time) < 0) + 1
    if not len(starts):
        return np.ones(len(time), bool)
    # From a restart on, what was written before it at this step or later is void.
    at_start = np.full(len(time) + 1, np.inf)
    at_start[starts] = time[starts]
    later = np.minimum.accumulate(at_start[::-1])[::-1][1:]
    kept = time < later
    notes.append(f"steps go back {len(starts)} times; {int((~kept).sum())} rows that a restart repeats are left out")
    return kept
