"""Scale-invariant networks, their invariance groups, the protocols as optax transformations, training and meters.

It needs the extra `networks`: `pip install 'thermo_ideal[networks]'`.
"""

from thermo_ideal.networks._abstract_network import AbstractNetwork
from thermo_ideal.networks._archives import cifar, idx_images
from thermo_ideal.networks._comparison import EntropyFit, NetworkComparison
from thermo_ideal.networks._data import ImageData, digits
from thermo_ideal.networks._find_groups import invariance_groups
from thermo_ideal.networks._group_gas import GroupGas
from thermo_ideal.networks._groups import Block, InvarianceGroups
from thermo_ideal.networks._judgement import NetworkJudgement, judge_networks
from thermo_ideal.networks._layers import FrozenLinear
from thermo_ideal.networks._meters import GroupMeter, NoiseMeter
from thermo_ideal.networks._models import ConvNet, ScaleInvariantMLP
from thermo_ideal.networks._residual_network import ResNet18
from thermo_ideal.networks._train import logged_steps, train
from thermo_ideal.networks._training_run import TrainingRun
from thermo_ideal.networks._training_step import cross_entropy
from thermo_ideal.networks._transformations import (
    ProtocolState,
    fixed_effective_learning_rate,
    fixed_learning_rate,
    fixed_sphere,
    gradient_transformation,
)
from thermo_ideal.networks._weight_queue import WeightQueue
from thermo_ideal.networks._weights import count_scale_invariant, rescale_weights, split_weights

__all__ = [
    "AbstractNetwork",
    "Block",
    "ConvNet",
    "EntropyFit",
    "FrozenLinear",
    "GroupGas",
    "GroupMeter",
    "ImageData",
    "InvarianceGroups",
    "NetworkComparison",
    "NetworkJudgement",
    "NoiseMeter",
    "ProtocolState",
    "ResNet18",
    "ScaleInvariantMLP",
    "TrainingRun",
    "WeightQueue",
    "cifar",
    "count_scale_invariant",
    "cross_entropy",
    "digits",
    "fixed_effective_learning_rate",
    "fixed_learning_rate",
    "fixed_sphere",
    "gradient_transformation",
    "idx_images",
    "invariance_groups",
    "judge_networks",
    "logged_steps",
    "rescale_weights",
    "split_weights",
    "train",
]
