"""The numbers of a stretch of rows at constant hyperparameters: each from the columns that it needs."""

from collections.abc import Callable, Mapping

import numpy as np

from thermo_ideal.estimators import effective_sample_size
from thermo_ideal.estimators._replica_statistics import jackknife
from thermo_ideal.experiments._log_gas import LogQuantity, block_means
from thermo_ideal.experiments._log_stationarity import FEWEST
from thermo_ideal.experiments._log_update_rule import UpdateRule

_MOST_BLOCKS = 32
_FEWEST_BLOCKS = 4
_FEWEST_ROWS = 4
_LENGTH = 8  # of a block, in independent samples


def _worth(columns: list[np.ndarray]) -> float:
    """How many independent samples a ratio of means rests on: its own fluctuations decide, not those that cancel."""
    parts = [column / column.mean() for column in columns if column.mean() != 0]
    if not parts:
        return float(len(columns[0]))
    series = parts[0] - sum(parts[1:], np.zeros(len(parts[0])))
    constant = not np.ptp(series) > 1e-13
    return float(len(series)) if constant else float(effective_sample_size(series))


def _from_few(function: Callable[..., np.ndarray], columns: list[np.ndarray], worth: float) -> tuple[float, float]:
    """Value and error by propagation from the columns' covariance, for rows worth too few samples for blocks."""
    means = np.array([[column.mean()] for column in columns])  # functions are of arrays
    covariance = np.atleast_2d(np.cov(columns)) / max(worth, 1.0)
    steps = np.diag(np.where(means == 0, 1.0, np.abs(means))[:, 0] * 1e-5)[..., None]
    slopes = [(function(*(means + h)) - function(*(means - h)))[0] / (2 * h.sum()) for h in steps]
    variance = float(np.array(slopes) @ covariance @ np.array(slopes))
    return float(function(*means)[0]), float(np.sqrt(max(variance, 0.0)))


class Thermometers:
    """Quantities and refusals, collected one by one.

    Args:
        columns: `radius`, `gradient` and `full_gradient` where they are logged: rows of one stretch, squares of norms.
        rule: of the update, where learning rate and weight decay are known.
        dimension: `d`, if known.
        batch: size of it, if known.
        varies: whether the learning rate follows a schedule, so that no rule holds for all rows.
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        rule: UpdateRule | None,
        dimension: float | None,
        batch: float | None,
        varies: bool,
    ) -> None:
        self.columns, self.rule, self.dimension, self.batch, self.varies = columns, rule, dimension, batch, varies
        self.quantities: dict[str, LogQuantity] = {}
        self.missing: list[str] = []
        self.few: list[str] = []

    def add(
        self,
        name: str,
        symbol: str,
        unit: str,
        needs: tuple[str, ...],
        function: Callable[..., np.ndarray],
        source: str,
    ) -> None:
        """Adds a function of means of columns with its error: by blocks, or from few correlated samples."""
        columns = [self.columns[need] for need in needs]
        if len(columns[0]) < _FEWEST_ROWS:
            self.missing.append(
                f"{name} needs at least {_FEWEST_ROWS} rows at constant hyperparameters: log more often"
            )
            return
        worth = _worth(columns)
        if worth < FEWEST:
            value, error = _from_few(function, columns, worth)
            source += f"; rows worth {worth:.0f} independent samples only"
            self.quantities[name] = LogQuantity(symbol, unit, value, error, source)
            return
        blocks = int(np.clip(worth / _LENGTH, _FEWEST_BLOCKS, min(_MOST_BLOCKS, len(columns[0]) // 2)))
        estimate = jackknife(function, *block_means(columns, blocks))
        number, error = float(estimate.value), float(estimate.standard_error)
        self.quantities[name] = LogQuantity(symbol, unit, number, error, source, estimate)

    def exact(self, name: str, symbol: str, unit: str, value: float, source: str) -> None:
        """Adds a number that the hyperparameters alone give."""
        self.quantities[name] = LogQuantity(symbol, unit, value, 0.0, source)

    def lack(self, sentence: str) -> None:
        """Adds what cannot be said."""
        self.missing.append(sentence)


def measure(meter: Thermometers) -> None:
    """Fills the thermometers, in the order of a report.

    Args:
        meter: to be filled.
    """
    has = {name: name in meter.columns for name in ("radius", "gradient", "full_gradient")}
    _radius(meter, has)
    _noise(meter, has)
    _temperature(meter, has)
    _equation_of_state(meter, has)
    _motion(meter, has)
    if meter.few:
        names = ", ".join(meter.few)
        meter.lack(f"{names} need at least {_FEWEST_ROWS} rows at constant hyperparameters: log more often")
    if not has["radius"]:
        meter.lack("r, V, pV and the effective learning rate need a column weight_norm (--columns weight_norm=…)")
    if not has["gradient"]:
        meter.lack("pV/RT, r* and the noise need a column gradient_norm, that of the loss alone before clipping")
    if meter.rule is None and not meter.varies:
        meter.lack("T, p, r* and relaxation times need learning rate and weight decay (--lr 0.1 --wd 5e-4)")
    if meter.dimension is None:
        meter.lack(
            "T, R, σ and S one by one need the number of scale-invariant weights (--dim 43692); RT, pV, p, V and pV/RT "
            "do not"
        )
    meter.lack("U(T), heat capacities and S need the loss's own law: a log holds no weights (thermo_ideal.estimators)")


def _radius(meter: Thermometers, has: Mapping[str, bool]) -> None:
    rule = meter.rule
    if has["radius"]:
        meter.add("radius", "r", "weight", ("radius",), np.sqrt, "weight_norm")
        meter.add("volume", "V", "weight^2", ("radius",), lambda r2: r2 / 2, "weight_norm")
    if rule is None:
        return
    meter.exact("pressure", "p", "loss/weight^2", rule.pressure, f"weight decay, {rule.decay}")
    if has["radius"]:
        eta = rule.gas_learning_rate
        source = "learning rate, momentum, weight_norm"
        meter.add("effective_learning_rate", "η_eff", "1/loss", ("radius",), lambda r2: eta / r2, source)
    if has["gradient"] and rule.weight_decay > 0:
        gain = rule.gain
        source = "learning rate, weight decay, momentum, gradient_norm"
        if has["radius"]:
            meter.add(
                "stationary_radius", "r*", "weight", ("moment",), lambda q: (gain * q) ** 0.25, f"{source}, weight_norm"
            )
        else:
            meter.add("stationary_radius", "r*", "weight", ("gradient",), lambda g2: np.sqrt(gain * g2), source)


def _noise(meter: Thermometers, has: Mapping[str, bool]) -> None:
    if not (has["radius"] and has["gradient"]):
        return
    meter.add(
        "gradient_moment", "|∇L|² + Tr Σ", "loss^2", ("moment",), lambda q: q, "r²|g|², weight_norm, gradient_norm"
    )
    if not has["full_gradient"]:
        meter.lack("Tr Σ apart from |∇L|² needs a column full_gradient_norm; until then Tr Σ ≤ r²|g|²")
        return
    source = "r²(|g|² − |∇L|²), gradient_norm, full_gradient_norm, weight_norm"
    meter.add("noise_trace", "Tr Σ", "loss^2", ("noise",), lambda t: t, source)
    if meter.batch is not None:
        batch = meter.batch
        meter.add("sample_noise_trace", "B Tr Σ", "loss^2", ("noise",), lambda t: batch * t, f"{source}, batch")
    if meter.dimension is not None:
        d = meter.dimension
        meter.add("noise_scale", "σ", "loss", ("noise",), lambda t: np.sqrt(t / (d - 1)), f"{source}, isotropic, d")


def _temperature(meter: Thermometers, has: Mapping[str, bool]) -> None:
    rule = meter.rule
    if rule is None:
        return
    eta, p = rule.gas_learning_rate, rule.pressure
    kinds: list[tuple[str, str, tuple[str, ...], Callable[..., np.ndarray], str]] = []
    if has["gradient"]:
        bound = "" if has["full_gradient"] else ", |∇L|² counted as noise"
        need = ("excess",) if has["full_gradient"] else ("gradient",)
        kinds.append(("noise", "η|g|²/4", need, lambda g2: eta * g2 / 4, f"learning rate, gradient_norm{bound}"))
    if has["radius"] and p > 0:
        kinds.append(
            ("radius", "pr²/2", ("radius",), lambda r2: p * r2 / 2, "pV, if in equilibrium: weight decay, weight_norm")
        )
    for kind, formula, needs, function, source in kinds:
        meter.add(f"thermal_energy_{kind}", f"RT = {formula}", "loss", needs, function, source)
        if meter.dimension is not None:
            share = 2 / (meter.dimension - 1)

            def temperature(x: np.ndarray, f: Callable[..., np.ndarray] = function, share: float = share) -> np.ndarray:
                return f(x) * share

            meter.add(f"temperature_{kind}", "T", "loss", needs, temperature, f"{source}, isotropic, d")


def _equation_of_state(meter: Thermometers, has: Mapping[str, bool]) -> None:
    rule = meter.rule
    if not (has["radius"] and has["gradient"]) or rule is None:
        return
    if not rule.weight_decay > 0:
        meter.lack("pV/RT and r* need a weight decay > 0 (--wd 5e-4): without one the radius grows for ever")
        return
    gain = rule.gain
    ratio = "second moments in discrete time, weight_norm, gradient_norm, learning rate, weight decay"
    both = ("radius", "gradient")
    if rule.momentum > 0:
        ratio += ", momentum; noise dominates"
    meter.add("compressibility", "pV/RT", "1", both, lambda r2, g2: r2 / (gain * g2), ratio)
    fourth = ("radius", "gradient")
    meter.add("radius_ratio", "r/r*", "1", fourth, lambda r2, g2: np.sqrt(r2 / (gain * g2)), ratio)
    if has["full_gradient"]:
        source = "as above, Tr Σ alone: 1 + |∇L|²/Tr Σ is expected"
        meter.add("compressibility_noise", "pV/RT_Σ", "1", ("radius", "excess"), lambda r2, x: r2 / (gain * x), source)


def _motion(meter: Thermometers, has: Mapping[str, bool]) -> None:
    rule = meter.rule
    if rule is None:
        return
    if rule.weight_decay > 0:
        source = "learning rate, weight decay, momentum"
        meter.exact("radius_relaxation", "τ_r", "step", 1 / rule.relaxation_rate, f"{source}: that of r⁴")
        meter.exact("direction_relaxation", "τ_w̄", "step", 4 / rule.relaxation_rate, f"{source}: free diffusion at r*")
        meter.exact("equilibrium_angle", "θ*", "rad", rule.angle, f"{source}: of one step")
    if has["radius"] and has["gradient"]:
        factor = rule.learning_rate / np.sqrt(1 - rule.momentum**2)
        source = "learning rate, momentum, weight_norm, gradient_norm; noise dominates if there is momentum"
        meter.add("angle", "θ", "rad", ("gradient", "radius"), lambda g2, r2: factor * np.sqrt(g2 / r2), source)
