"""fnnet compiled: the same functions with the same meaning, chosen by import. Needs the extra ``jit`` (Numba, SciPy).

    from fnnet import jit
    final = fn.pipe(jit.train(step, data, state), fn.take(100), fn.last)

``train`` and ``fit`` run a whole epoch in one compiled function. Its source is generated from the formulas of layers,
loss and optimizer, one call per line. It is compiled once per structure on a machine, for all widths and most settings,
and cached as a readable file in ``NUMBA_CACHE_DIR`` or the user's cache folder. ``sgd_update``, ``sgd``, ``adam`` and
the other elementwise optimizers have compiled updates for every other way of training.
"""

from importlib.util import find_spec

if not (find_spec("numba") and find_spec("scipy")):
    raise ImportError("fnnet.jit needs Numba and SciPy: pip install numba scipy")

from fnnet.jit.optimizers import adadelta as adadelta
from fnnet.jit.optimizers import adagrad as adagrad
from fnnet.jit.optimizers import adam as adam
from fnnet.jit.optimizers import adamax as adamax
from fnnet.jit.optimizers import adamw as adamw
from fnnet.jit.optimizers import amsgrad as amsgrad
from fnnet.jit.optimizers import lion as lion
from fnnet.jit.optimizers import nadam as nadam
from fnnet.jit.optimizers import radam as radam
from fnnet.jit.optimizers import rmsprop as rmsprop
from fnnet.jit.optimizers import sgd as sgd
from fnnet.jit.optimizers import sgd_update as sgd_update
from fnnet.jit.training import fit as fit
from fnnet.jit.training import train as train
