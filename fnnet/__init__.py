"""fnnet: fully-connected neural networks on NumPy, purely functional, typed, reproducible to the bit.

y, cache  = forward(net, x)
grads, dx = backward(net, cache, dy)
net       = sgd_update(net, grads, lr=0.1)

Every name is imported when it is used for the first time, so that ``import fnnet`` costs next to nothing; the imports
below are what type checkers read, and ``_NAMES`` is the same list at run time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fnnet import keys as keys
    from fnnet import metrics as metrics
    from fnnet import testing as testing
    from fnnet import tree as tree
    from fnnet.checkpoints import load as load
    from fnnet.checkpoints import save as save
    from fnnet.data import minibatches as minibatches
    from fnnet.encoders import Categories as Categories
    from fnnet.encoders import categories as categories
    from fnnet.encoders import one_hot as one_hot
    from fnnet.errors import CheckpointError as CheckpointError
    from fnnet.errors import DtypeError as DtypeError
    from fnnet.errors import FnnetError as FnnetError
    from fnnet.errors import GradientError as GradientError
    from fnnet.errors import LayerError as LayerError
    from fnnet.errors import NonFiniteError as NonFiniteError
    from fnnet.errors import ReceiptError as ReceiptError
    from fnnet.errors import ShapeError as ShapeError
    from fnnet.errors import TreeError as TreeError
    from fnnet.fingerprints import Fingerprint as Fingerprint
    from fnnet.fingerprints import fingerprint as fingerprint
    from fnnet.fitting import Fit as Fit
    from fnnet.fitting import fit as fit
    from fnnet.fitting import predict as predict
    from fnnet.functional import last as last
    from fnnet.functional import pipe as pipe
    from fnnet.functional import take as take
    from fnnet.gradients import accumulate as accumulate
    from fnnet.gradients import value_and_grad as value_and_grad
    from fnnet.guards import stop_on_nonfinite as stop_on_nonfinite
    from fnnet.initializers import constant_fill as constant_fill
    from fnnet.initializers import glorot_normal as glorot_normal
    from fnnet.initializers import glorot_uniform as glorot_uniform
    from fnnet.initializers import he_normal as he_normal
    from fnnet.initializers import he_uniform as he_uniform
    from fnnet.initializers import lecun_normal as lecun_normal
    from fnnet.initializers import lecun_uniform as lecun_uniform
    from fnnet.initializers import normal as normal
    from fnnet.initializers import orthogonal as orthogonal
    from fnnet.initializers import uniform as uniform
    from fnnet.initializers import zeros as zeros
    from fnnet.keys import Key as Key
    from fnnet.layers.branches import Branches as Branches
    from fnnet.layers.branches import branches as branches
    from fnnet.layers.dropout import Dropout as Dropout
    from fnnet.layers.elu import Elu as Elu
    from fnnet.layers.embedding import Embedding as Embedding
    from fnnet.layers.embedding import embedding as embedding
    from fnnet.layers.gelu import Gelu as Gelu
    from fnnet.layers.identity import Identity as Identity
    from fnnet.layers.layer_norm import LayerNorm as LayerNorm
    from fnnet.layers.layer_norm import layer_norm as layer_norm
    from fnnet.layers.leaky_relu import LeakyRelu as LeakyRelu
    from fnnet.layers.linear import Linear as Linear
    from fnnet.layers.linear import linear as linear
    from fnnet.layers.portable import Portable as Portable
    from fnnet.layers.relu import Relu as Relu
    from fnnet.layers.residual import Residual as Residual
    from fnnet.layers.residual import residual as residual
    from fnnet.layers.rms_norm import RmsNorm as RmsNorm
    from fnnet.layers.rms_norm import rms_norm as rms_norm
    from fnnet.layers.serial import Serial as Serial
    from fnnet.layers.serial import serial as serial
    from fnnet.layers.sigmoid import Sigmoid as Sigmoid
    from fnnet.layers.silu import Silu as Silu
    from fnnet.layers.softmax import Softmax as Softmax
    from fnnet.layers.softplus import Softplus as Softplus
    from fnnet.layers.standardize import Standardize as Standardize
    from fnnet.layers.standardize import standardize as standardize
    from fnnet.layers.tanh import Tanh as Tanh
    from fnnet.losses._base import RowLoss as RowLoss
    from fnnet.losses._base import SumLoss as SumLoss
    from fnnet.losses.absolute import Huber as Huber
    from fnnet.losses.absolute import huber as huber
    from fnnet.losses.absolute import mae as mae
    from fnnet.losses.cross_entropy import binary_cross_entropy as binary_cross_entropy
    from fnnet.losses.cross_entropy import softmax_cross_entropy as softmax_cross_entropy
    from fnnet.losses.focal import Focal as Focal
    from fnnet.losses.focal import focal as focal
    from fnnet.losses.hinge import binary_hinge as binary_hinge
    from fnnet.losses.hinge import hinge as hinge
    from fnnet.losses.label_smoothing import label_smoothing as label_smoothing
    from fnnet.losses.log_cosh import log_cosh as log_cosh
    from fnnet.losses.poisson import poisson as poisson
    from fnnet.losses.quantile import Quantile as Quantile
    from fnnet.losses.quantile import quantile as quantile
    from fnnet.losses.soft_cross_entropy import soft_cross_entropy as soft_cross_entropy
    from fnnet.losses.squared import mse as mse
    from fnnet.losses.squared import sum_squared_error as sum_squared_error
    from fnnet.losses.weighted import class_weighted as class_weighted
    from fnnet.losses.weighted import weighted as weighted
    from fnnet.models import Mlp as Mlp
    from fnnet.models import mlp as mlp
    from fnnet.network import Cache as Cache
    from fnnet.network import backward as backward
    from fnnet.network import forward as forward
    from fnnet.network import param_gradients as param_gradients
    from fnnet.nodes import Params as Params
    from fnnet.nodes import constant as constant
    from fnnet.optimizers.adadelta import adadelta as adadelta
    from fnnet.optimizers.adagrad import adagrad as adagrad
    from fnnet.optimizers.adam import adam as adam
    from fnnet.optimizers.adam import adamw as adamw
    from fnnet.optimizers.adamax import adamax as adamax
    from fnnet.optimizers.amsgrad import amsgrad as amsgrad
    from fnnet.optimizers.lion import lion as lion
    from fnnet.optimizers.nadam import nadam as nadam
    from fnnet.optimizers.radam import radam as radam
    from fnnet.optimizers.rmsprop import rmsprop as rmsprop
    from fnnet.optimizers.sgd import sgd as sgd
    from fnnet.optimizers.sgd import sgd_update as sgd_update
    from fnnet.orders import balanced as balanced
    from fnnet.orders import stratified as stratified
    from fnnet.penalties import elastic_net as elastic_net
    from fnnet.penalties import l1 as l1
    from fnnet.penalties import l2 as l2
    from fnnet.plateau import reduce_on_plateau as reduce_on_plateau
    from fnnet.portability import portable as portable
    from fnnet.rates import RateCurve as RateCurve
    from fnnet.rates import find_rate as find_rate
    from fnnet.receipt_streams import receipt as receipt
    from fnnet.receipt_streams import receipt_to as receipt_to
    from fnnet.receipts import Receipt as Receipt
    from fnnet.receipts import read_receipt as read_receipt
    from fnnet.records import Data as Data
    from fnnet.records import Epoch as Epoch
    from fnnet.records import GradFn as GradFn
    from fnnet.records import History as History
    from fnnet.records import Initializer as Initializer
    from fnnet.records import Loss as Loss
    from fnnet.records import LossFunction as LossFunction
    from fnnet.records import Metric as Metric
    from fnnet.records import Optimizer as Optimizer
    from fnnet.records import OptState as OptState
    from fnnet.records import Order as Order
    from fnnet.records import Part as Part
    from fnnet.records import Penalty as Penalty
    from fnnet.records import Record as Record
    from fnnet.records import Rows as Rows
    from fnnet.records import Schedule as Schedule
    from fnnet.records import Step as Step
    from fnnet.records import StreamFn as StreamFn
    from fnnet.records import TrainState as TrainState
    from fnnet.reports import summary as summary
    from fnnet.resuming import checkpoint_to as checkpoint_to
    from fnnet.resuming import checkpoints_in as checkpoints_in
    from fnnet.resuming import resume as resume
    from fnnet.rules import define_layer as define_layer
    from fnnet.schedules.cosine import cosine_decay as cosine_decay
    from fnnet.schedules.cycle import one_cycle as one_cycle
    from fnnet.schedules.exponential import exponential_decay as exponential_decay
    from fnnet.schedules.exponential import step_decay as step_decay
    from fnnet.schedules.parts import join as join
    from fnnet.schedules.parts import piecewise as piecewise
    from fnnet.schedules.polynomial import inverse_sqrt as inverse_sqrt
    from fnnet.schedules.polynomial import polynomial_decay as polynomial_decay
    from fnnet.schedules.warmup import linear_warmup as linear_warmup
    from fnnet.signals import stop_on_signal as stop_on_signal
    from fnnet.splits import split as split
    from fnnet.streams import best as best
    from fnnet.streams import early_stopping as early_stopping
    from fnnet.streams import progress as progress
    from fnnet.streams import record as record
    from fnnet.streams import time_limit as time_limit
    from fnnet.streams import validate as validate
    from fnnet.torch_weights import load_torch as load_torch
    from fnnet.training import start as start
    from fnnet.training import steps as steps
    from fnnet.training import train as train
    from fnnet.training import train_step as train_step
    from fnnet.types import Array as Array
    from fnnet.types import Batch as Batch
    from fnnet.types import Dtype as Dtype
    from fnnet.types import Labels as Labels
    from fnnet.types import Value as Value
    from fnnet.verification import Verification as Verification
    from fnnet.verification import verify as verify
    from fnnet.whole_batch import lbfgs as lbfgs
    from fnnet.wrappers.averaging import averaged as averaged
    from fnnet.wrappers.averaging import ema as ema
    from fnnet.wrappers.averaging import lookahead as lookahead
    from fnnet.wrappers.clipping import clip_by_global_norm as clip_by_global_norm
    from fnnet.wrappers.clipping import clip_by_value as clip_by_value
    from fnnet.wrappers.decay import weight_decay as weight_decay
    from fnnet.wrappers.parts import freeze as freeze
    from fnnet.wrappers.parts import scale_rate as scale_rate

__version__ = "0.1.0"

_NAMES = {
    "fnnet.keys": "keys Key",
    "fnnet.metrics": "metrics",
    "fnnet.testing": "testing",
    "fnnet.tree": "tree",
    "fnnet.checkpoints": "load save",
    "fnnet.data": "minibatches",
    "fnnet.encoders": "Categories categories one_hot",
    "fnnet.errors": (
        "CheckpointError DtypeError FnnetError GradientError LayerError NonFiniteError "
        "ReceiptError ShapeError TreeError"
    ),
    "fnnet.fingerprints": "Fingerprint fingerprint",
    "fnnet.fitting": "Fit fit predict",
    "fnnet.functional": "last pipe take",
    "fnnet.gradients": "accumulate value_and_grad",
    "fnnet.guards": "stop_on_nonfinite",
    "fnnet.initializers": (
        "constant_fill glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform normal "
        "orthogonal uniform zeros"
    ),
    "fnnet.layers.branches": "Branches branches",
    "fnnet.layers.dropout": "Dropout",
    "fnnet.layers.elu": "Elu",
    "fnnet.layers.embedding": "Embedding embedding",
    "fnnet.layers.gelu": "Gelu",
    "fnnet.layers.identity": "Identity",
    "fnnet.layers.layer_norm": "LayerNorm layer_norm",
    "fnnet.layers.leaky_relu": "LeakyRelu",
    "fnnet.layers.linear": "Linear linear",
    "fnnet.layers.portable": "Portable",
    "fnnet.layers.relu": "Relu",
    "fnnet.layers.residual": "Residual residual",
    "fnnet.layers.rms_norm": "RmsNorm rms_norm",
    "fnnet.layers.serial": "Serial serial",
    "fnnet.layers.sigmoid": "Sigmoid",
    "fnnet.layers.silu": "Silu",
    "fnnet.layers.softmax": "Softmax",
    "fnnet.layers.softplus": "Softplus",
    "fnnet.layers.standardize": "Standardize standardize",
    "fnnet.layers.tanh": "Tanh",
    "fnnet.losses._base": "RowLoss SumLoss",
    "fnnet.losses.absolute": "Huber huber mae",
    "fnnet.losses.cross_entropy": "binary_cross_entropy softmax_cross_entropy",
    "fnnet.losses.focal": "Focal focal",
    "fnnet.losses.hinge": "binary_hinge hinge",
    "fnnet.losses.label_smoothing": "label_smoothing",
    "fnnet.losses.log_cosh": "log_cosh",
    "fnnet.losses.poisson": "poisson",
    "fnnet.losses.quantile": "Quantile quantile",
    "fnnet.losses.soft_cross_entropy": "soft_cross_entropy",
    "fnnet.losses.squared": "mse sum_squared_error",
    "fnnet.losses.weighted": "class_weighted weighted",
    "fnnet.models": "Mlp mlp",
    "fnnet.network": "Cache backward forward param_gradients",
    "fnnet.nodes": "Params constant",
    "fnnet.optimizers.adadelta": "adadelta",
    "fnnet.optimizers.adagrad": "adagrad",
    "fnnet.optimizers.adam": "adam adamw",
    "fnnet.optimizers.adamax": "adamax",
    "fnnet.optimizers.amsgrad": "amsgrad",
    "fnnet.optimizers.lion": "lion",
    "fnnet.optimizers.nadam": "nadam",
    "fnnet.optimizers.radam": "radam",
    "fnnet.optimizers.rmsprop": "rmsprop",
    "fnnet.optimizers.sgd": "sgd sgd_update",
    "fnnet.orders": "balanced stratified",
    "fnnet.penalties": "elastic_net l1 l2",
    "fnnet.plateau": "reduce_on_plateau",
    "fnnet.portability": "portable",
    "fnnet.rates": "RateCurve find_rate",
    "fnnet.receipt_streams": "receipt receipt_to",
    "fnnet.receipts": "Receipt read_receipt",
    "fnnet.records": (
        "Data Epoch GradFn History Initializer Loss LossFunction Metric Optimizer OptState Order Part Penalty Record "
        "Rows Schedule Step StreamFn TrainState"
    ),
    "fnnet.reports": "summary",
    "fnnet.resuming": "checkpoint_to checkpoints_in resume",
    "fnnet.rules": "define_layer",
    "fnnet.schedules.cosine": "cosine_decay",
    "fnnet.schedules.cycle": "one_cycle",
    "fnnet.schedules.exponential": "exponential_decay step_decay",
    "fnnet.schedules.parts": "join piecewise",
    "fnnet.schedules.polynomial": "inverse_sqrt polynomial_decay",
    "fnnet.schedules.warmup": "linear_warmup",
    "fnnet.signals": "stop_on_signal",
    "fnnet.splits": "split",
    "fnnet.streams": "best early_stopping progress record time_limit validate",
    "fnnet.torch_weights": "load_torch",
    "fnnet.training": "start steps train train_step",
    "fnnet.types": "Array Batch Dtype Labels Value",
    "fnnet.verification": "Verification verify",
    "fnnet.whole_batch": "lbfgs",
    "fnnet.wrappers.averaging": "averaged ema lookahead",
    "fnnet.wrappers.clipping": "clip_by_global_norm clip_by_value",
    "fnnet.wrappers.decay": "weight_decay",
    "fnnet.wrappers.parts": "freeze scale_rate",
}
"""The public names, by the module they come from."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a type checker would take it for any name there may be

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'fnnet' has no attribute {name!r}")
        module = import_module(home)
        value: object = module if home == f"fnnet.{name}" else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
