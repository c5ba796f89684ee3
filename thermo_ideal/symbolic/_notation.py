"""The symbols of every derivation, as in the paper: `g` is `∇L(W)`, a bar marks the unit sphere."""

from sympy import Expr, Function, IndexedBase, Symbol, symbols

DIMENSION = Symbol("d", integer=True, positive=True)
TIME = Symbol("t", nonnegative=True)
LEARNING_RATE = Symbol("eta", positive=True)
EFFECTIVE_LEARNING_RATE = Symbol("eta_eff", positive=True)
WEIGHT_DECAY = Symbol("lambda", positive=True)
MOMENTUM = Symbol("beta", positive=True)
GAIN = Symbol("gain", positive=True)  # 1/(1 − β), known to be positive while a derivation is written
RADIUS = Symbol("r", positive=True)
INITIAL_RADIUS = Symbol("r_0", positive=True)
NOISE_SCALE = Symbol("sigma", positive=True)
NOISE_TRACE = Symbol("tau", positive=True)  # Tr Σ_w̄
GRADIENT_NORM = Symbol("|gbar|", positive=True)  # |∇L(w̄)|
TEMPERATURE, PRESSURE, VOLUME, GAS_CONSTANT = symbols("T p V R", positive=True)
CONCENTRATION = Symbol("kappa", positive=True)
LOSS = Symbol("L", real=True)
OVERLAP = Symbol("m", real=True)

FREE_INDEX, NOISE_INDEX = symbols("i k", integer=True, positive=True)

WEIGHTS = IndexedBase("W")
DIRECTION = IndexedBase("wbar")
GRADIENT = IndexedBase("g")  # ∇L(W)
DIRECTION_GRADIENT = IndexedBase("gbar")  # ∇L(w̄)
NOISE_ROOT = IndexedBase("N")  # Σ_W^{1/2}
DIRECTION_NOISE_ROOT = IndexedBase("Nbar")  # Σ_w̄^{1/2}
VELOCITY, NEXT_VELOCITY = IndexedBase("v"), IndexedBase("v'")
AVERAGED, NEXT_AVERAGED = IndexedBase("z"), IndexedBase("z'")
NEXT_WEIGHTS = IndexedBase("W'")
NORMALS = IndexedBase("xi")  # independent standard normal numbers
POLE = IndexedBase("mu")

DT, DR = symbols("dt dr")
DB = IndexedBase("dB")
DW = IndexedBase("dW")
DWBAR = IndexedBase("dwbar")
SQUARED_NORM, D_SQUARED_NORM = symbols("|wbar|^2 d|wbar|^2")


def scheduled(symbol: Symbol) -> Expr:
    """A hyperparameter that depends on time, under its own name."""
    return Function(symbol.name, positive=True)(TIME)


# Where SymPy would not set a name as it should be read.
LATEX = {
    "wbar": r"\bar{w}",
    "dwbar": r"d\bar{w}",
    "gbar": r"\bar{g}",
    "Nbar": r"\bar{N}",
    "|gbar|": r"|\bar{g}|",
    "dmu": r"d\mu",
    "|wbar|^2": r"|\bar{w}|^2",
    "d|wbar|^2": r"d|\bar{w}|^2",
    "E r'^2": r"\mathbf{E}\,r'^2",
    "E dr^2/dt": r"\frac{\mathbf{E}\,dr^2}{dt}",
    "E[dm]": r"\mathbf{E}\,dm",
    "d[m,m]": r"d[m, m]",
    "E[m'-m]": r"\mathbf{E}[m' - m]",
    "rate": r"\text{rate}",
    "ratio": r"\text{ratio}",
    "dof": r"\text{degrees of freedom}",
    "VarV": r"\text{Var}\,V",
    "VarV/V^2": r"\frac{\text{Var}\,V}{V^2}",
    "Var[V'-V]/V^2": r"\frac{\text{Var}[V' - V]}{V^2}",
    "E|W-z|^2/r^2": r"\frac{\mathbf{E}|W - z|^2}{r^2}",
    "E[m'-m]^2": r"\mathbf{E}[m' - m]^2",
    "S_dir": r"S_\text{dir}",
    "eta_eff": r"\eta_\text{eff}",
    "kappa_T": r"\kappa_T",
    "kappa_S": r"\kappa_S",
    "log_z": r"\log z",
}


# What the names in an equation mean, for whoever reads it alone.
MEANING = {
    "d": "number of weights",
    "t": "time in steps",
    "s": "√(1 − m²)",
    "t'": "an earlier time",
    "t''": "a time before that",
    "h": "size of a time step",
    "eta": "learning rate",
    "eta_eff": "effective learning rate, η/r²",
    "lambda": "weight decay",
    "beta": "momentum",
    "r": "radius |W|",
    "r_0": "radius at time 0",
    "r'": "radius after a step",
    "sigma": "noise scale: Σ_w̄ = σ²(I − w̄w̄ᵀ)",
    "tau": "trace of the noise covariance on the unit sphere, Tr Σ_w̄",
    "|gbar|": "norm of the gradient on the unit sphere",
    "G": "Gibbs energy",
    "L": "loss",
    "W": "weights",
    "W'": "weights after a step",
    "dW": "change of the weights in dt",
    "wbar": "direction W/r",
    "dwbar": "change of the direction in dt",
    "g": "gradient ∇L(W)",
    "gbar": "gradient ∇L(w̄) on the unit sphere",
    "N": "root of the noise covariance, Σ_W^{1/2}",
    "Nbar": "root of the noise covariance on the unit sphere, Σ_w̄^{1/2}",
    "S": "entropy",
    "dB": "increments of independent Brownian motions",
    "xi": "independent standard normal numbers",
    "v": "velocity, the last step back",
    "v'": "the next velocity",
    "z": "the average that momentum moves",
    "z'": "the average after a step",
    "mu": "pole of a zonal loss; without index, the chemical potential",
    "m": "overlap μ·w̄",
    "m'": "overlap after a step",
    "e": "unit tangent towards the pole",
    "b": "noise across e",
    "a": "noise along e, a standard normal number",
    "q": "squared length of b, a χ² number",
    "f": "a zonal loss, as a function of the overlap",
    "f'": "its slope",
    "rho": "stationary density",
    "T": "temperature",
    "p": "pressure: weight decay",
    "V": "volume r²/2",
    "R": "gas constant (d − 1)/2",
    "kappa": "concentration 1/T",
    "U": "internal energy E L",
    "F": "Helmholtz energy",
    "H": "enthalpy",
    "S_dir": "entropy of the direction",
    "C_V": "heat capacity at constant volume",
    "C_p": "heat capacity at constant pressure",
    "gamma": "C_p/C_V",
    "alpha": "expansivity",
    "kappa_T": "isothermal compressibility",
    "kappa_S": "adiabatic compressibility",
    "n": "exponent of a polytrope",
    "Z": "partition function on the sphere of radius r",
    "log_z": "logarithm of the partition function on the unit sphere",
    "A": "mean resultant length E μ·w̄",
    "A'": "dA/dκ",
    "VarV": "variance of the volume",
    "VarV/V^2": "relative variance of the volume",
    "Var[V'-V]/V^2": "relative variance of the volume's change in a step",
    "rate": "relaxation rate",
    "dof": "degrees of freedom of q",
}

# The package's words for the symbols that a result may depend on.
NAMES = {
    "dimension": DIMENSION,
    "noise_scale": NOISE_SCALE,
    "noise_trace": NOISE_TRACE,
    "learning_rate": LEARNING_RATE,
    "effective_learning_rate": EFFECTIVE_LEARNING_RATE,
    "weight_decay": WEIGHT_DECAY,
    "momentum": MOMENTUM,
    "radius": RADIUS,
    "gradient_norm": GRADIENT_NORM,
    "temperature": TEMPERATURE,
    "pressure": PRESSURE,
    "volume": VOLUME,
    "gas_constant": GAS_CONSTANT,
    "concentration": CONCENTRATION,
}
