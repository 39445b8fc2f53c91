"""Fully-connected neural networks on NumPy: purely functional, typed, reproducible to the bit.

    import fnnet as fn
    net = fn.mlp(fn.Key(0), (4, 16, 1))
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=fn.adam(0.01), key=fn.Key(0), epochs=100)

The public names by group; ``help(fn.fit)`` describes one of them.

Training and prediction:
    fit Fit predict start train_step minibatches train steps pipe take until last
    Epoch TrainState OptState History Record

Layers, and the functions that draw their weights:
    Linear linear Mlp mlp Serial serial Residual residual Branches branches Embedding embedding
    Standardize standardize Dropout LayerNorm layer_norm RmsNorm rms_norm Portable

Stacking, for many networks in one pass:
    init_many stack unstack

Activations, which are layers too:
    Identity Relu LeakyRelu Elu Gelu Silu Softplus Tanh Sigmoid Softmax

Initializers, the first values of weights:
    zeros constant_fill uniform normal glorot_uniform glorot_normal he_uniform he_normal
    lecun_uniform lecun_normal orthogonal

Losses:
    mse sum_squared_error mae huber Huber log_cosh quantile Quantile poisson
    softmax_cross_entropy binary_cross_entropy soft_cross_entropy label_smoothing focal Focal
    hinge binary_hinge weighted class_weighted

Gradients and penalties:
    forward backward Cache param_gradients value_and_grad accumulate Part l1 l2 elastic_net

Optimizers:
    sgd sgd_update adam adamw radam nadam adamax amsgrad rmsprop adagrad adadelta lion lbfgs

Wrappers, around optimizers and steps:
    clip_by_value clip_by_global_norm weight_decay freeze scale_rate lookahead ema averaged
    reduce_on_plateau stop_on_nonfinite

Schedules, learning rates as functions of the step:
    exponential_decay step_decay polynomial_decay cosine_decay inverse_sqrt linear_warmup one_cycle
    piecewise join find_rate RateCurve

Streams, functions from epochs to epochs:
    validate early_stopping best progress record time_limit stop_on_signal

Data:
    split stratified balanced categories Categories one_hot

Saving and resuming, and how a run is verified:
    save load load_torch checkpoint_to checkpoints_in resume receipt receipt_to read_receipt
    Receipt verify Verification portable fingerprint Fingerprint

Metrics (fn.metrics):
    accuracy balanced_accuracy top_k precision Precision recall Recall f1 F1 roc_auc log_loss brier
    expected_calibration_error ExpectedCalibrationError binary of_labels of_probabilities
    confusion_matrix
    mae rmse r2 explained_variance

Compiled, with Numba (fnnet.jit):
    fit train sgd sgd_update adam adamw radam nadam adamax amsgrad rmsprop adagrad adadelta lion

Pictures, with Matplotlib (fnnet.plot):
    learning_curves rate_curve weight_histograms gradient_histograms decision_regions confusion_matrix
    calibration residuals intervals save

Extending, what your own layers, losses and optimizers are made of:
    Params constant define_layer define_activation define_chain define_kernels define_loss
    RowLoss SumLoss EntryLoss Elementwise

Tools, for randomness, inspection and building:
    Key keys summary testing tree numerics checks metrics

Types, for signatures of your own:
    Array Labels Value ValueLike Batch Dtype Rows Data Order Loss LossFunction GradFn Penalty Optimizer
    Schedule Step StreamFn Metric Initializer

Errors:
    FnnetError ShapeError DtypeError TreeError LayerError NonFiniteError GradientError
    CheckpointError CheckpointNotFoundError ReceiptError MetricError
"""

from importlib import import_module
from pathlib import Path

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """The module of every public name: ``from fnnet.keys import Key as Key`` is a line of ``__init__.pyi``, which type
    checkers read in place of this file."""
    lines = Path(__path__[0], "__init__.pyi").read_text(encoding="utf-8").splitlines()
    return {words[3]: words[1] for words in map(str.split, lines) if words[:1] == ["from"]}


_HOMES = _homes()
"""Each name is imported when it is used for the first time, so that ``import fnnet`` costs next to nothing."""


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fnnet' has no attribute {name!r}")
    value: object = import_module(f"fnnet.{name}") if home == "fnnet" else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
