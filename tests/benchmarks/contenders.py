"""Who is measured: each contender makes of a workload a function that trains on for n epochs, in its own best way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnnet as fn
from tests.benchmarks.workloads import Workload
from tests.support.class_based import ClassLinear, ClassMlp

Train = Callable[[int], object]
"""Trains for so many epochs, going on from where the last call ended."""

B1, B2, EPS = 0.9, 0.999, 1e-8


def _repeat(epoch: Callable[[], None], epochs: int) -> None:
    for _ in range(epochs):
        epoch()


# --- the floor ---------------------------------------------------------------------------------------------------
def products(work: Workload) -> Train:
    """The bare matrix products of a step through NumPy's BLAS, into arrays that are there already."""
    weights = [w for w, _ in work.weights()]
    x = work.data()[0][: work.batch]
    inputs = [x, *[np.ones((work.batch, w.shape[1]), np.float32) for w in weights]]
    outputs, backs = [h.copy() for h in inputs], [h.copy() for h in inputs]
    grads = [np.empty_like(w) for w in weights]

    def train(epochs: int) -> None:
        for _ in range(epochs * work.batches):
            for i, w in enumerate(weights):
                np.dot(inputs[i], w, outputs[i + 1])
            for i in range(len(weights) - 1, -1, -1):
                np.dot(inputs[i].T, outputs[i + 1], grads[i])
                if i:
                    np.dot(outputs[i + 1], weights[i].T, backs[i])

    return train


# --- class-based NumPy -------------------------------------------------------------------------------------------
class AdamLinear(ClassLinear):
    """The textbook's layer with Adam in it."""

    t = 0

    def backward(self, grad: NDArray[np.floating], lr: float) -> NDArray[np.floating]:
        grad_x: NDArray[np.floating] = grad @ self.w.T
        if not self.t:
            self.m = [np.zeros_like(self.w), np.zeros_like(self.b)]
            self.v = [np.zeros_like(self.w), np.zeros_like(self.b)]
        self.t += 1
        for i, (p, g) in enumerate(zip((self.w, self.b), (self.x.T @ grad, grad.sum(axis=0)), strict=True)):
            self.m[i] = B1 * self.m[i] + (1 - B1) * g
            self.v[i] = B2 * self.v[i] + (1 - B2) * g * g
            corrected = self.v[i] / (1 - B2**self.t)
            p -= lr * (self.m[i] / (1 - B1**self.t)) / (np.sqrt(corrected) + EPS)
        return grad_x


def class_based(work: Workload) -> Train:
    """Layers that keep ``self.x`` and overwrite ``self.w``."""
    model = ClassMlp(work.weights())
    if work.optimizer == "adam":
        model.layers = [AdamLinear(f.w, f.b) if isinstance(f, ClassLinear) else f for f in model.layers]
    x, y, labels = work.data()
    generator = np.random.default_rng(2)
    rows = np.arange(work.batch)

    def epoch() -> None:
        order = generator.permutation(work.rows)
        for start in range(0, work.rows, work.batch):
            index = order[start : start + work.batch]
            if work.optimizer == "sgd":
                model.step(x[index], y[index], work.lr)
                continue
            scores = model.forward(x[index])
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            grad = e / e.sum(axis=1, keepdims=True)
            float(-np.log(grad[rows, labels[index]]).mean())
            grad[rows, labels[index]] -= 1
            grad /= work.batch
            for layer in reversed(model.layers):
                grad = layer.backward(grad, work.lr)

    return lambda epochs: _repeat(epoch, epochs)


# --- fnnet -------------------------------------------------------------------------------------------------------
def fnnet(work: Workload) -> Train:
    """``train`` over ``minibatches``, the public way."""
    return _stream(fn.train, work)


def fnnet_jit(work: Workload) -> Train:
    """The same, a whole epoch compiled."""
    return _stream(import_module("fnnet.jit").train, work)


def _stream(run: Callable[..., Iterator[fn.Epoch[fn.Mlp]]], work: Workload) -> Train:
    x, y, labels = work.data()
    net = fn.Mlp(tuple([fn.Linear(w, b) for w, b in work.weights()]), fn.Relu())
    regression = work.optimizer == "sgd"
    optimizer: fn.Optimizer = fn.sgd(work.lr) if regression else fn.adam(work.lr)
    gradient: Any = fn.value_and_grad(fn.mse) if regression else fn.value_and_grad(fn.softmax_cross_entropy)
    data: Any = fn.minibatches(x, y if regression else labels, batch_size=work.batch)
    epochs = run(fn.train_step(gradient, optimizer), data, fn.start(net, optimizer, fn.Key(0)))
    return lambda n: fn.last(fn.take(n)(epochs))


# --- peers -------------------------------------------------------------------------------------------------------
def pytorch(work: Workload, compiled: bool = False) -> Train:
    """``nn.Sequential``, the fused optimizer, rows gathered by index."""
    torch: Any = import_module("torch")
    layers: list[Any] = []
    for w, b in work.weights():
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data, linear.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    x, y, labels = [torch.tensor(a) for a in work.data()]
    regression = work.optimizer == "sgd"
    target, loss = (y, torch.nn.MSELoss()) if regression else (labels, torch.nn.CrossEntropyLoss())
    kind = torch.optim.SGD if regression else torch.optim.Adam
    optimizer = kind(model.parameters(), lr=work.lr, fused=True)

    def forward_backward(xb: Any, yb: Any) -> Any:
        value = loss(model(xb), yb)
        value.backward()
        return value

    run = torch.compile(forward_backward) if compiled else forward_backward

    def epoch() -> None:
        total = torch.zeros(())
        for index in torch.randperm(work.rows).split(work.batch):
            optimizer.zero_grad(set_to_none=True)
            total += run(x[index], target[index]).detach()
            optimizer.step()
        float(total)

    return lambda epochs: _repeat(epoch, epochs)


def pytorch_compiled(work: Workload) -> Train:
    """The same, forward and backward compiled."""
    return pytorch(work, compiled=True)


def jax_step(work: Workload) -> Train:
    """A jitted step, its batches gathered outside, its state given away."""
    jax, _, update, init = _jax(work)
    step = jax.jit(update, donate_argnums=(0,))
    x, y, labels = work.data()
    target = y if work.optimizer == "sgd" else labels.astype(np.int32)
    generator = np.random.default_rng(2)
    state = [init()]

    def epoch() -> None:
        order = generator.permutation(work.rows)
        values = []
        for start in range(0, work.rows, work.batch):
            index = order[start : start + work.batch]
            state[0], value = step(state[0], (x[index], target[index]))
            values.append(value)
        jax.block_until_ready(state[0])

    return lambda epochs: _repeat(epoch, epochs)


def jax_scan(work: Workload) -> Train:
    """A whole epoch, shuffling included, in one jitted scan."""
    jax, np_, update, init = _jax(work)
    x, y, labels = [np_.asarray(a) for a in work.data()]
    target = y if work.optimizer == "sgd" else labels.astype(np.int32)

    def epoch(state: Any, key: Any, x: Any, target: Any) -> Any:
        order = jax.random.permutation(key, work.rows).reshape(work.batches, work.batch)
        return jax.lax.scan(lambda s, index: update(s, (x[index], target[index])), state, order)

    run = jax.jit(epoch, donate_argnums=(0,))
    state = [init()]
    keys = [jax.random.key(0)]

    def train(epochs: int) -> None:
        for _ in range(epochs):
            keys[0], key = jax.random.split(keys[0])
            state[0], values = run(state[0], key, x, target)
            float(values.mean())
        jax.block_until_ready(state[0])

    return train


def _jax(work: Workload) -> tuple[Any, Any, Any, Any]:
    jax: Any = import_module("jax")
    optax: Any = import_module("optax")
    jnp: Any = import_module("jax.numpy")
    optimizer = optax.sgd(work.lr) if work.optimizer == "sgd" else optax.adam(work.lr)

    def loss(params: Any, batch: Any) -> Any:
        h, target = batch
        for w, b in params[:-1]:
            h = jax.nn.relu(h @ w + b)
        scores = h @ params[-1][0] + params[-1][1]
        if work.optimizer == "sgd":
            return jnp.mean((scores - target) ** 2)
        return optax.softmax_cross_entropy_with_integer_labels(scores, target).mean()

    def update(state: Any, batch: Any) -> Any:
        params, memory = state
        value, grads = jax.value_and_grad(loss)(params, batch)
        change, memory = optimizer.update(grads, memory, params)
        return (optax.apply_updates(params, change), memory), value

    def init() -> Any:
        params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in work.weights()]
        return params, optimizer.init(params)

    return jax, jnp, update, init


def scikit_learn(work: Workload) -> Train:
    """``partial_fit``, which is one epoch."""
    networks: Any = import_module("sklearn.neural_network")
    regression = work.optimizer == "sgd"
    settings: dict[str, Any] = {
        "hidden_layer_sizes": work.sizes[1:-1],
        "solver": work.optimizer,
        "batch_size": work.batch,
        "learning_rate_init": work.lr,
        "alpha": 0.0,
        "random_state": 0,
    }
    x, y, labels = work.data()
    if regression:
        model = networks.MLPRegressor(momentum=0.0, nesterovs_momentum=False, **settings)
        return lambda epochs: [model.partial_fit(x, y) for _ in range(epochs)]
    model = networks.MLPClassifier(**settings)
    classes = list(range(work.sizes[-1]))
    return lambda epochs: [model.partial_fit(x, labels, classes=classes) for _ in range(epochs)]


CONTENDERS: dict[str, Callable[[Workload], Train]] = {
    "products": products,
    "class-based NumPy": class_based,
    "PyTorch": pytorch,
    "PyTorch compiled": pytorch_compiled,
    "JAX step": jax_step,
    "JAX scan": jax_scan,
    "scikit-learn": scikit_learn,
    "fnnet": fnnet,
    "fnnet jit": fnnet_jit,
}
