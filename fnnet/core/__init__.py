"""The core contract: everything needed to write a layer, a loss, an optimizer, a data source or a stream function,
fnnet's own and a user's alike.

    from fnnet.core import Array, Params, define_layer

Most of these names are in ``fnnet`` too. Only here are ``Settings``, the base class of every loss and optimizer, with
the types that give the ranges of its fields, ``Share``, ``Finite``, ``NonNegative``, ``Positive``, ``Rate``, ``Size``
and ``Flag``; and ``Numbers``, the argument of an optimizer's rule. The functions that layers compute with are in
``fnnet.numerics``, the checks of their arguments in ``fnnet.checks``.
"""

from fnnet.core.formulas import define_activation as define_activation
from fnnet.core.history import History as History
from fnnet.core.kernels import define_kernels as define_kernels
from fnnet.core.loss_kernels import define_loss as define_loss
from fnnet.core.network import Cache as Cache
from fnnet.core.network import backward as backward
from fnnet.core.network import forward as forward
from fnnet.core.network import param_gradients as param_gradients
from fnnet.core.protocols import Data as Data
from fnnet.core.protocols import GradFn as GradFn
from fnnet.core.protocols import Initializer as Initializer
from fnnet.core.protocols import Loss as Loss
from fnnet.core.protocols import LossFunction as LossFunction
from fnnet.core.protocols import Metric as Metric
from fnnet.core.protocols import Optimizer as Optimizer
from fnnet.core.protocols import Order as Order
from fnnet.core.protocols import Penalty as Penalty
from fnnet.core.protocols import Rows as Rows
from fnnet.core.protocols import Schedule as Schedule
from fnnet.core.protocols import Step as Step
from fnnet.core.protocols import StreamFn as StreamFn
from fnnet.core.rules import define_chain as define_chain
from fnnet.core.rules import define_layer as define_layer
from fnnet.core.segments import Record as Record
from fnnet.core.settings import Finite as Finite
from fnnet.core.settings import Flag as Flag
from fnnet.core.settings import NonNegative as NonNegative
from fnnet.core.settings import Positive as Positive
from fnnet.core.settings import Rate as Rate
from fnnet.core.settings import Settings as Settings
from fnnet.core.settings import Share as Share
from fnnet.core.settings import Size as Size
from fnnet.core.states import Epoch as Epoch
from fnnet.core.states import OptState as OptState
from fnnet.core.states import Part as Part
from fnnet.core.states import TrainState as TrainState
from fnnet.errors import DtypeError as DtypeError
from fnnet.errors import LayerError as LayerError
from fnnet.errors import NonFiniteError as NonFiniteError
from fnnet.errors import ShapeError as ShapeError
from fnnet.errors import TreeError as TreeError
from fnnet.keys import Key as Key
from fnnet.numerics.programs import Numbers as Numbers
from fnnet.tree.fields import constant as constant
from fnnet.tree.nodes import Params as Params
from fnnet.types import Array as Array
from fnnet.types import Batch as Batch
from fnnet.types import Dtype as Dtype
from fnnet.types import Labels as Labels
from fnnet.types import Value as Value
from fnnet.types import ValueLike as ValueLike
