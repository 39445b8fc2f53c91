"""Functions from a stream of epochs to a stream of epochs: what other libraries do with callbacks.

Each pulls one epoch at a time, when one is requested from it, and decides only from the history that the epoch
carries, so a pipeline that is resumed from a saved state equals one that was never interrupted. Only ``time_limit``
depends on anything else. An epoch flows through the pipe from left to right, and the order follows from that::

    pipe(
        train(step, data, state),  # endless
        validate(x, y, {"r2": metrics.r2}),  # writes "r2" into the history, for all functions after it
        early_stopping(5, metric="r2", mode="max"),  # reads it; after its last epoch nothing more is computed
        record("run.json"),  # after what writes metrics, and what drops epochs
        take(100),  # limits may come in any order: the first one that is reached ends the stream
        progress(100),
        best("r2", "max"),  # the end: from the stream to one epoch
    )

``early_stopping`` before ``validate`` raises an error, for its metric is not there yet. ``record`` after a function
that drops epochs writes those too, when the next one passes, because its file is the whole history. ``record`` before
``early_stopping`` writes one line too many when a run is resumed that had already stopped: only the next epoch shows
that it had, and ``early_stopping`` drops that epoch.
"""

from fnnet.streams.choice import Best as Best
from fnnet.streams.choice import best as best
from fnnet.streams.display import progress as progress
from fnnet.streams.limits import time_limit as time_limit
from fnnet.streams.limits import until as until
from fnnet.streams.measures import Mode as Mode
from fnnet.streams.recording import record as record
from fnnet.streams.stopping import early_stopping as early_stopping
from fnnet.streams.validation import LossMetric as LossMetric
from fnnet.streams.validation import Validate as Validate
from fnnet.streams.validation import validate as validate
