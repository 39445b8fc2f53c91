"""Functions from a stream of epochs to a stream of epochs: what other libraries do with callbacks.

Each pulls one epoch at a time, when it is itself asked for one, and decides only from what the epoch carries, its
history; so a pipeline that goes on from a saved state is the one that was never interrupted. ``time_limit`` alone
depends on the world. An epoch flows through the pipe from left to right, and that is all there is to their order::

    pipe(
        train(step, data, state),  # endless
        validate(x, y, {"r2": metrics.r2}),  # writes "r2" into the history, for all that come behind it
        early_stopping(5, metric="r2", mode="max"),  # reads it; after its last epoch nothing is asked for any more
        record("run.json"),  # behind what writes metrics, and what drops epochs
        take(100),  # the limits may stand in any order: the first one that is reached ends them all
        progress(100),
        best("r2", "max"),  # the end: from the stream to one epoch
    )

``early_stopping`` before ``validate`` would look for a metric that is not there yet, and says so. ``record`` behind a
function that drops epochs writes them all the same, when the next one passes: its file is the history. Before
``early_stopping`` it has a line too many where a run is resumed that had stopped already: that is noticed when the next
epoch comes, which ``early_stopping`` does not let pass.
"""

from fnnet.streams.choice import Best as Best
from fnnet.streams.choice import best as best
from fnnet.streams.display import progress as progress
from fnnet.streams.limits import time_limit as time_limit
from fnnet.streams.measures import Mode as Mode
from fnnet.streams.recording import record as record
from fnnet.streams.stopping import early_stopping as early_stopping
from fnnet.streams.validation import LossMetric as LossMetric
from fnnet.streams.validation import Validate as Validate
from fnnet.streams.validation import validate as validate
