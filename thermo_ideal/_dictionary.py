"""The dictionary: every quantity once, with its word, symbols, unit, formula and meaning.

Names of arguments and properties, variables of datasets, axes of figures, columns of tables and SymPy's symbols are
views of it. Units are those of the loss and of the weights, which the user chooses; entropies are in nats, and a step
of SGD is the unit of time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Quantity:
    """A quantity.

    Args:
        word: its name in Python, a property of `State` or an argument.
        symbol: as in the formulas of the documentation, such as "η_eff".
        name: the same in ASCII, as users type it in expressions and as SymPy's symbol is called, such as "eta_eff".
        latex: as LaTeX sets it.
        unit: in units of the loss, the weights, nats and steps; "1" for a pure number.
        formula: by other quantities, in the language of `State.partial`; empty where there is none.
        meaning: in the words of optimisation.
        sign: "positive", "nonnegative" or "real".
        option: what it is called on the command line, after "--"; empty where it is no option.
    """

    word: str
    symbol: str
    name: str
    latex: str
    unit: str
    formula: str
    meaning: str
    sign: str = "positive"
    option: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """Unit and symbol, as attributes of a variable of a dataset."""
        return {"units": self.unit, "symbol": self.symbol}

    @property
    def phrase(self) -> str:
        """The word as it stands in a sentence, as in "heat capacity at constant volume"."""
        return _PHRASES.get(self.word, self.word.replace("_", " "))

    @property
    def label(self) -> str:
        """Symbol and unit for an axis or a column, as in "T [loss]"."""
        return self.symbol if self.unit == "1" else f"{self.symbol} [{self.unit}]"


# The words that are not phrases already.
_PHRASES = {
    "helmholtz_energy": "Helmholtz energy",
    "gibbs_energy": "Gibbs energy",
    "heat_capacity_volume": "heat capacity at constant volume",
    "heat_capacity_pressure": "heat capacity at constant pressure",
    "joule_thomson": "Joule–Thomson coefficient",
    "energy_variance": "variance of the energy",
    "piston_volume_variance": "variance of the volume under a piston",
    "volume_variance": "variance of the volume",
    "direction_relaxation_rate": "relaxation rate of the direction",
    "radius_relaxation_rate": "relaxation rate of the radius",
    "direction_entropy": "entropy of the direction",
    "radius_entropy": "entropy of the radius",
}

_QUANTITIES = (
    # Hyperparameters.
    Quantity("learning_rate", "η", "eta", r"\eta", "weight^2/loss", "4*T*V/sigma^2", "learning rate", option="lr"),
    Quantity(
        *("effective_learning_rate", "η_eff", "eta_eff", r"\eta_\text{eff}", "1/loss", "eta/r^2"),
        "effective learning rate, that of the direction",
        option="elr",
    ),
    Quantity(
        *("weight_decay", "λ", "lambda", r"\lambda", "loss/weight^2", "p"),
        "weight decay; on the sphere, what would hold the radius",
        sign="nonnegative",
        option="wd",
    ),
    Quantity("radius", "r", "r", "r", "weight", "sqrt(2*V)", "weight norm", option="radius"),
    Quantity(
        *("noise_scale", "σ", "sigma", r"\sigma", "loss", "sqrt(2*T/eta_eff)"),
        "noise of the gradient along one direction, at weight norm 1",
        option="sigma",
    ),
    Quantity(
        *("noise_trace", "τ", "tau", r"\tau", "loss^2", "(d - 1)*sigma^2"),
        "trace of the covariance of the gradient noise on the unit sphere",
    ),
    Quantity("dimension", "d", "d", "d", "1", "2*R + 1", "number of scale-invariant weights", option="dim"),
    Quantity("momentum", "β", "beta", r"\beta", "1", "", "momentum"),
    # State variables.
    Quantity("temperature", "T", "T", "T", "loss", "eta_eff*sigma^2/2", "effective learning rate × σ²/2"),
    Quantity("volume", "V", "V", "V", "weight^2", "r^2/2", "half the squared weight norm"),
    Quantity("pressure", "p", "p", "p", "loss/weight^2", "-d(F)/d(V)|T", "weight decay"),
    Quantity("gas_constant", "R", "R", "R", "1", "(d - 1)/2", "half the degrees of freedom of the direction"),
    Quantity(
        *("compressibility_factor", "Z", "Z", "Z", "1", "p*V/(R*T)"),
        "balance of weight decay and noise: 1 for every scale-invariant loss",
    ),
    Quantity(
        *("concentration", "κ", "kappa", r"\kappa", "1/loss", "1/T"), "concentration of the direction about its mean"
    ),
    Quantity(*("entropy", "S", "S", "S", "nat", "-d(F)/d(T)|V"), "entropy of the weights on their sphere", sign="real"),
    Quantity(
        *("direction_entropy", "S_dir", "S_dir", r"S_\text{dir}", "nat", "S - (d - 1)*log(r)"),
        "entropy of the direction",
        sign="real",
    ),
    Quantity(
        *("radius_entropy", "S_r", "S_r", "S_r", "nat", "(d - 1)*log(r)"),
        "entropy that the weight norm adds",
        sign="real",
    ),
    # Potentials.
    Quantity("internal_energy", "U", "U", "U", "loss", "F + T*S", "mean loss", sign="real"),
    Quantity(
        *("helmholtz_energy", "F", "F", "F", "loss", "U - T*S"), "what SGD minimises on a fixed sphere", sign="real"
    ),
    Quantity("enthalpy", "H", "H", "H", "loss", "U + p*V", "mean of the regularised loss L + λr²/2", sign="real"),
    Quantity(
        *("gibbs_energy", "G", "G", "G", "loss", "U - T*S + p*V"),
        "what SGD minimises at a fixed (effective) learning rate and weight decay",
        sign="real",
    ),
    # Response functions.
    Quantity(
        *("heat_capacity_volume", "C_V", "C_V", "C_V", "nat", "d(U)/d(T)|V"), "rise of the mean loss with temperature"
    ),
    Quantity(
        *("heat_capacity_pressure", "C_p", "C_p", "C_p", "nat", "d(H)/d(T)|p"),
        "rise of the regularised loss with temperature at fixed weight decay",
    ),
    Quantity(
        *("heat_capacity_ratio", "γ", "gamma", r"\gamma", "1", "C_p/C_V"),
        "exponent of the isentropes, λ ∝ r^(−2γ); 2 where the loss is quadratic",
    ),
    Quantity(
        *("expansivity", "α", "alpha", r"\alpha", "1/loss", "d(V)/d(T)|p/V"),
        "relative growth of r² with temperature at fixed weight decay",
    ),
    Quantity(
        *("isothermal_compressibility", "κ_T", "kappa_T", r"\kappa_T", "weight^2/loss", "-d(V)/d(p)|T/V"),
        "relative fall of r² with weight decay at fixed effective learning rate",
    ),
    Quantity(
        *("adiabatic_compressibility", "κ_S", "kappa_S", r"\kappa_S", "weight^2/loss", "-d(V)/d(p)|S/V"),
        "relative fall of r² with weight decay at fixed entropy; at fixed learning rate where γ = 2",
    ),
    Quantity(
        *("joule_thomson", "μ_JT", "mu_JT", r"\mu_\text{JT}", "weight^2", "d(T)/d(p)|H"),
        "change of temperature with weight decay at fixed regularised loss",
        sign="real",
    ),
    # Fluctuations and relaxation.
    Quantity(
        *("energy_variance", "Var L", "VarL", r"\text{Var}\,L", "loss^2", "T^2*C_V"),
        "variance of the loss over a stationary run",
    ),
    Quantity(
        *("piston_volume_variance", "Var V, piston", "VarV_piston", r"\text{Var}\,V_\text{piston}", "weight^4"),
        "T*V*kappa_T",
        "what r²/2 of SGD does not do: here the analogy ends",
    ),
    Quantity(
        *("volume_variance", "Var V", "VarV", r"\text{Var}\,V", "weight^4", ""),
        "variance of r²/2 over a stationary run, to leading order",
        sign="nonnegative",
    ),
    Quantity(
        *("direction_relaxation_rate", "rate of w̄", "rate_direction", r"\text{rate of }\bar{w}", "1/step", ""),
        "decay per step of the direction's memory",
    ),
    Quantity(
        *("radius_relaxation_rate", "rate of r", "rate_radius", r"\text{rate of }r", "1/step", ""),
        "decay per step of a small departure from the stationary radius",
    ),
    # What a simulation measures.
    Quantity("loss", "L", "L", "L", "loss", "", "loss", sign="real"),
    Quantity(
        *("gradient_norm", "|∇L(w̄)|", "|gbar|", r"|\bar{g}|", "loss", ""),
        "norm of the gradient of the loss at weight norm 1",
        sign="nonnegative",
    ),
    Quantity("overlap", "m", "m", "m", "1", "", "overlap μ·w̄ of the direction with the minimum's", sign="real"),
    Quantity("depth", "1 − m", "u", "1 - m", "1", "1 - m", "distance of the overlap from 1", sign="nonnegative"),
    Quantity("log_radius", "log r", "log_r", r"\log r", "log weight", "log(r)", "logarithm of the norm", sign="real"),
    Quantity(
        *("effective_weight_decay", "p", "p_eff", r"p_\text{eff}", "loss/weight^2", ""),
        "on the fixed sphere, the weight decay that would undo what a step adds to the radius",
        sign="real",
    ),
    Quantity("participation_ratio", "PR", "PR", r"\text{PR}", "1", "", "how evenly the noise fills the directions"),
    Quantity(
        *("direction_entropy_knn", "S_kNN", "S_kNN", r"S_\text{kNN}", "nat", ""),
        "entropy of the direction by nearest neighbours",
        sign="real",
    ),
    Quantity(
        *("direction_entropy_knn_change", "ΔS_kNN", "DS_kNN", r"\Delta S_\text{kNN}", "nat", ""),
        "change of the entropy by nearest neighbours where samples are five times as far apart",
        sign="real",
    ),
    Quantity(*("loss_samples", "L", "L_i", "L_i", "loss", ""), "losses of single steps, thinned", sign="real"),
    # What an optimiser is as a gas.
    Quantity("stationary_radius", "r*", "r_stationary", "r_*", "weight", "", "weight norm that it settles at"),
    Quantity(
        *("noise_trace_of_example", "τ₁", "tau_1", r"\tau_1", "loss^2", ""),
        "trace of the covariance of the gradient of one example on the unit sphere",
    ),
    Quantity(
        *("temperature_by_noise", "T/σ", "T_by_sigma", r"T/\sigma", "1", ""),
        "temperature in units of the noise along one direction",
    ),
    Quantity(
        *("angle_per_step", "φ", "phi", r"\phi", "radian", ""),
        "turn of the weights in one step, root mean square, where noise dominates the gradient",
    ),
    Quantity(
        *("direction_memory", "t_w̄", "t_direction", r"t_{\bar{w}}", "step", ""),
        "steps in which noise alone turns the weights by a radian or so: 2/(η_eff²τ)",
    ),
    Quantity(
        *("radius_relaxation_time", "t_r", "t_radius", "t_r", "step", ""),
        "steps in which a small departure from the stationary radius shrinks by e",
    ),
    Quantity(
        *("loss_relaxation_time", "t_L", "t_loss", "t_L", "step", ""),
        "steps in which a small excess of the loss shrinks by e, at the given curvature",
    ),
    Quantity(
        *("radius_by_stationary", "r/r*", "r_by_stationary", "r/r_*", "1", ""),
        "the norm now by the one that it settles at",
    ),
    Quantity(*("temperature_now", "T now", "T_now", r"T_\text{now}", "loss", ""), "temperature at the norm now"),
    # How long a run is.
    Quantity("num_steps", "N", "N_steps", "N", "step", "", "steps of a run, burn-in included"),
    Quantity(
        *("burn_in", "N_burn-in", "N_burn_in", r"N_\text{burn-in}", "step", ""), "steps left out at the start of a run"
    ),
    Quantity(
        *("sampling_interval", "ΔN", "Delta_N", r"\Delta N", "step", ""),
        "steps from one sample of the direction to the next",
    ),
    Quantity(
        *("burn_in_relaxation_times", "N_burn-in/t", "burn_in_times", r"N_\text{burn-in}/t", "relaxation time", ""),
        "length of the burn-in in the longer of the two relaxation times",
    ),
    Quantity(
        *("diverged_at", "N_div", "N_div", r"N_\text{div}", "step", ""),
        "the step after which a run was found NaN or infinite, 0 if it stayed finite",
        sign="nonnegative",
    ),
)

DICTIONARY: Mapping[str, Quantity] = MappingProxyType({quantity.word: quantity for quantity in _QUANTITIES})
"""Every quantity by its word."""

SYMBOLS: Mapping[str, str] = MappingProxyType({word: quantity.name for word, quantity in DICTIONARY.items()})
"""The ASCII symbol of every quantity, by its word."""
