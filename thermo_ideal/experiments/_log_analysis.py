"""A training log as a gas."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from thermo_ideal.experiments._log_columns import UNITS, as_series, assign_columns, group_columns
from thermo_ideal.experiments._log_files import read_log
from thermo_ideal.experiments._log_gas import LogAnalysis, LogGas
from thermo_ideal.experiments._log_motion import CLOSE, balance_columns, radius_curves
from thermo_ideal.experiments._log_stationarity import FEWEST, Stationarity, stationarity
from thermo_ideal.experiments._log_thermometers import Thermometers, measure
from thermo_ideal.experiments._log_update_rule import Decay, UpdateRule

_NORMS = ("weight_norm", "gradient_norm", "full_gradient_norm")
_TOLERANCE = 1e-6  # relative, within which learning rates are the same


def analyse_log(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    momentum: float = 0.0,
    decay: Decay = "coupled",
    batch: float | None = None,
    dimension: float | None = None,
    steps_per_epoch: float | None = None,
) -> LogAnalysis:
    r"""What a training log says about its run as a gas.

    The update is SGD with momentum on a scale-invariant loss: `v ← βv + g + λw`, `w ← w − ηv`. As `g ⟂ w`, in
    equilibrium

    $$r_*^4 = \frac{\eta\, r^2 E|g|^2}{\lambda(1-\beta)\left(2-\eta\lambda/(1+\beta)\right)},\qquad
    RT = \frac{\eta}{1-\beta}\frac{E|g|^2}{4},\qquad pV = \frac{\lambda r^2}{2},$$

    and `pV/RT` is the ratio of the measured `E r²` to that of the first equation. Errors are by blocks of at least
    eight correlation times.

    Args:
        path: CSV, JSON lines, a JSON list or Hugging Face's `trainer_state.json`, gzipped or not.
        columns: the column of each role that is not found by its usual name: step, epoch, loss, weight_norm,
            gradient_norm (of the loss alone, before clipping), full_gradient_norm, learning_rate.
        groups: patterns of the columns of groups of weights, with {} for the group's name.
        learning_rate: `η`, where no column has it.
        weight_decay: `λ`.
        momentum: `β` of the heavy ball, without dampening.
        decay: "coupled" as in `torch.optim.SGD`, or "decoupled", times the learning rate, as in Keras.
        batch: samples in a batch; for the noise of one sample.
        dimension: `d`, the number of scale-invariant weights; of every group the same, so leave it out there.
        steps_per_epoch: where only epochs are logged.

    Returns:
        The analysis, a gas for each group.

    Raises:
        ValueError: what cannot be read, an unknown or ambiguous column, or a hyperparameter out of its range.
        FileNotFoundError: there is no such file.

    Example:
        >>> import tempfile, pathlib
        >>> import numpy as np
        >>> from thermo_ideal.experiments import analyse_log
        >>> g2 = np.random.default_rng(0).chisquare(50, 400)
        >>> rows = ["step,weight_norm,grad_norm", *(f"{10 * i},7.0711,{x**0.5}" for i, x in enumerate(g2))]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = pathlib.Path(folder, "log.csv")
        ...     _ = log.write_text("\n".join(rows))
        ...     found = analyse_log(log, learning_rate=0.1, weight_decay=0.05)
        >>> found["all"].regime, found["all"]["compressibility"].text
        ('stationary', '1.01(1)')

    Source: arXiv 2511.07308 (the gas); Kosson et al., arXiv 2305.17212 (equilibrium angle).
    """
    _require("learning_rate", "--lr 0.1", learning_rate, positive=True)
    _require("weight_decay", "--wd 5e-4", weight_decay)
    _require("batch", "--batch 128", batch, positive=True)
    _require("steps_per_epoch", "--steps-per-epoch 391", steps_per_epoch, positive=True)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: got {momentum}, expected a number from 0 to below 1; type --momentum 0.9")
    if decay not in ("coupled", "decoupled"):
        raise ValueError(f"decay: got {decay!r}, expected 'coupled' or 'decoupled'; type --decay coupled")
    if dimension is not None and not 2 <= dimension < math.inf:
        raise ValueError(f"dimension: got {dimension}, expected a number >= 2; type --dim 43692")
    table = read_log(path)
    assigned = assign_columns(table, columns or {})
    sets = {"all": assigned}
    if groups:
        common = {role: name for role, name in assigned.items() if role in ("step", "epoch", "learning_rate", "loss")}
        sets = {name: common | own for name, own in group_columns(table, groups).items()}
        if "weight_norm" in assigned or "gradient_norm" in assigned:
            sets = {"all": assigned} | sets
    notes: list[str] = []
    gases = {}
    for name, chosen in sets.items():
        own: list[str] = []
        series = as_series(table, chosen, own, steps_per_epoch)
        notes += [note for note in own if note not in notes]
        gases[name] = _Run(series, learning_rate, weight_decay, momentum, decay).gas(name, dimension, batch)
    given = {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "batch": batch,
        "dimension": dimension,
    }
    settings = {name: f"{value:g}" for name, value in given.items() if value is not None} | {"decay": decay}
    return LogAnalysis(str(path), settings, assigned, gases, notes)


def _require(name: str, line: str, value: float | None, positive: bool = False) -> None:
    if value is not None and not (0 <= value < math.inf and (value > 0 or not positive)):
        raise ValueError(f"{name}: got {value}, expected a number {'>' if positive else '>='} 0; type {line}")


class _Run:
    """The rows of one group with the hyperparameters of their run."""

    def __init__(
        self, series: xr.Dataset, learning_rate: float | None, weight_decay: float | None, momentum: float, decay: Decay
    ) -> None:
        self.series, self.weight_decay, self.momentum, self.decay = series, weight_decay, momentum, decay
        logged = series.learning_rate.values if "learning_rate" in series else None
        known = logged[np.isfinite(logged)] if logged is not None else np.zeros(0)
        if known.size and not known.min() >= 0:
            raise ValueError(f"{series.source}: got learning rate {known.min():g} in a row, expected numbers >= 0")
        if learning_rate is not None and known.size and not np.allclose(known, learning_rate, rtol=1e-3, atol=0):
            raise ValueError(
                f"learning_rate: got {learning_rate:g}, but column {series.learning_rate.attrs['column']!r} has "
                f"{known.min():g} to {known.max():g}, expected one of them; leave out --lr"
            )
        if known.size:
            # A logged rate holds until the next one.
            assert logged is not None
            place = np.maximum.accumulate(np.where(np.isfinite(logged), np.arange(len(logged)), -1))
            self.rates = logged[np.where(place < 0, np.flatnonzero(np.isfinite(logged))[0], place)]
        else:
            self.rates = np.full(series.sizes["step"], np.nan if learning_rate is None else learning_rate)

    def rule(self, rate: float) -> UpdateRule:
        return UpdateRule(float(rate), float(self.weight_decay or 0.0), self.momentum, self.decay)

    def gas(self, name: str, dimension: float | None, batch: float | None) -> LogGas:
        measured = [role for role in _NORMS if role in self.series]
        rows = self._complete(measured)
        first, varies = _last_constant(rows.learning_rate.values)
        constant = rows.isel(step=slice(first, None))
        cuts = _cuts(constant, measured if varies else [*measured, "loss"])
        start = 0 if varies else max((cut.start for cut in cuts.values()), default=0)
        kept = constant.isel(step=slice(start, None))
        rule = self._final_rule(rows)
        meter = Thermometers(_columns(kept), None if varies else rule, dimension, batch, varies)
        if varies:
            meter.lack("averages at one temperature need a stretch of constant learning rate; this run has a schedule")
        measure(meter)
        departure, curves = np.nan, xr.Dataset()
        if rule is not None and rule.weight_decay > 0 and {"weight_norm", "gradient_norm"} <= set(measured):
            departure, curves = self._motion(meter, rows.isel(step=np.flatnonzero(rows.learning_rate.values > 0)))
        if self.series.clock != "step":
            meter.lack(
                f"r*(t) and the correlation times in steps take one {self.series.clock} for a step; name the column of "
                "steps (--columns step=…) or type --steps-per-epoch 391"
            )
        regime, because = _regime(cuts, varies, departure)
        since = float(kept.step.values[0]) if kept.sizes["step"] else math.nan
        return LogGas(name, regime, because, since, cuts, meter.quantities, meter.missing, self.series.merge(curves))

    def _complete(self, measured: list[str]) -> xr.Dataset:
        """The rows in which every norm is there."""
        data = self.series.assign(learning_rate=("step", self.rates, {"units": UNITS["learning_rate"]}))
        known = [np.isfinite(data[role].values) for role in measured]
        complete = np.logical_and.reduce(known) if known else np.ones(len(self.rates), bool)
        return data.isel(step=np.flatnonzero(complete))

    def _final_rule(self, rows: xr.Dataset) -> UpdateRule | None:
        """The rule at the end, where its hyperparameters are known."""
        rates = rows.learning_rate.values
        if self.weight_decay is None or not rates.size or not np.isfinite(rates).all():
            return None
        running = rates[rates > 0]
        return self.rule(running[-1]) if running.size else None

    def _motion(self, meter: Thermometers, rows: xr.Dataset) -> tuple[float, xr.Dataset]:
        """The largest departure of r from r*(t), in eighths of the last half, and the curves; adds the balance."""
        if rows.sizes["step"] < FEWEST or not (rows.gradient_norm.values > 0).any():
            return np.nan, xr.Dataset()
        curves = radius_curves(rows, self.rule)
        left, right = balance_columns(rows, self.rule)
        meter.columns = {**meter.columns, "balance": left, "kick": right}
        source = "(d r²/dt + h r²)/(h K |g|²) over all rows, at rest or not"
        meter.add("radius_balance", "balance", "1", ("balance", "kick"), lambda a, b: a / b, source)
        ratio = np.asarray(curves.curve_radius / curves.stationary_radius)
        eighths = [part.mean() for part in np.array_split(ratio[len(ratio) // 2 :], 8)]
        return float(np.abs(np.array(eighths) - 1).max()), curves


def _cuts(rows: xr.Dataset, roles: list[str]) -> dict[str, Stationarity]:
    """Of each column, where its stationary part begins, in rows of all of them."""
    found = {}
    for role in roles:
        if role in rows:
            finite = np.flatnonzero(np.isfinite(rows[role].values))
            if len(finite):
                cut = stationarity(rows[role].values[finite])
                found[role] = replace(cut, start=int(finite[cut.start]))
    return found


def _columns(rows: xr.Dataset) -> dict[str, np.ndarray]:
    names = {"radius": "weight_norm", "gradient": "gradient_norm", "full_gradient": "full_gradient_norm"}
    found = {name: rows[column].values ** 2 for name, column in names.items() if column in rows}
    if "radius" in found and "gradient" in found:
        found["moment"] = found["radius"] * found["gradient"]
    if "gradient" in found and "full_gradient" in found:
        found["excess"] = found["gradient"] - found["full_gradient"]
        if "radius" in found:
            found["noise"] = found["radius"] * found["excess"]
    return found


def _last_constant(rates: np.ndarray) -> tuple[int, bool]:
    """The row since which the learning rate is constant, and whether that is too short to count: a schedule."""
    if not len(rates) or not np.isfinite(rates).all():
        return 0, False
    changed = np.flatnonzero(np.abs(rates - rates[-1]) > _TOLERANCE * np.abs(rates[-1]))
    if not len(changed):
        return 0, False
    start = int(changed[-1]) + 1
    enough = len(rates) - start >= max(4 * FEWEST, len(rates) // 10)
    return (start, False) if enough else (0, True)


def _regime(cuts: Mapping[str, Stationarity], varies: bool, departure: float) -> tuple[str, str]:
    near = f"r stays within {departure:.1%} of r*(t) over the last half"
    if not varies and cuts and all(found.stationary for found in cuts.values()):
        return "stationary", f"no trend in {', '.join(cuts)}"
    if varies:
        why = "the learning rate follows a schedule"
    else:
        why = "; ".join(f"{column}: {found.reason}" for column, found in cuts.items() if not found.stationary)
        why = why or "no column of norms or loss"
    if np.isfinite(departure) and departure <= CLOSE:
        return "quasi-static", f"{why}; {near}"
    if np.isfinite(departure):
        return "transient", f"{why}; r is up to {departure:.1%} away from r*(t) over the last half"
    return "unknown", f"{why}; r*(t) is not known"
