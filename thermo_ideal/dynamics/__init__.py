"""SGD as drift and diffusion: a loss, a gradient noise and a protocol. No time loop."""

from thermo_ideal.dynamics._losses import AbstractLoss, VonMisesFisherLoss
from thermo_ideal.dynamics._noise import IsotropicNoise
from thermo_ideal.dynamics._protocols import (
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    protocol_class,
)
from thermo_ideal.dynamics._sgd import SGD

__all__ = [
    "SGD",
    "AbstractLoss",
    "AbstractProtocol",
    "FixedEffectiveLearningRate",
    "FixedLearningRate",
    "FixedSphere",
    "IsotropicNoise",
    "VonMisesFisherLoss",
    "protocol_class",
]
