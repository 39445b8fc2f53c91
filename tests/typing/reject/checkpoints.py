"""Wrong uses of checkpoints."""

from collections.abc import Iterator

import fnnet as fn
from fnnet import Epoch, Linear, Mlp, TrainState


def loaded(net: Mlp, state: TrainState[Mlp]) -> None:
    fn.save(net, "net")  # E: arg-type
    fn.save(3, net)  # E: arg-type
    unknown: Mlp = fn.load("net")  # E: assignment
    fn.load("net").layers  # E: attr-defined
    other: Linear = fn.load("net", like=net)  # E: assignment
    fn.load("state", like=state).params.w  # E: attr-defined
    fn.load_torch("net")  # E: call-arg
    fn.load_torch("net", like="net")  # E: type-var


def resumed(net: Mlp, state: TrainState[Mlp], epochs: Iterator[Epoch[Mlp]]) -> None:
    fn.resume("run")  # E: call-arg
    fn.resume("run", net)  # E: arg-type
    other: TrainState[Linear] = fn.resume("run", state)  # E: arg-type
    fn.checkpoint_to("run", 10)  # E: call-arg
    fn.checkpoint_to("run", every=0.5)  # E: arg-type
    fn.checkpoint_to("run")([net])  # E: type-var
    fn.stop_on_signal("SIGINT")  # E: arg-type
    wrong: Iterator[TrainState[Mlp]] = fn.checkpoint_to("run")(epochs)  # E: arg-type
