"""The checks of arguments, for fnnet's own layers and losses and for a user's.

``where`` is the name that the error begins with, ``name`` what it calls the argument. The error says the rule, what
was given, and the remedy where that is not obvious:

>>> import fnnet as fn, numpy as np
>>> fn.checks.target("my_loss", np.zeros((5, 2)), np.zeros((5, 1)))
Traceback (most recent call last):
fnnet.errors.ShapeError: my_loss: target must have the prediction's shape (5, 2), got (5, 1)
"""

from fnnet.checks.arrays import array as array
from fnnet.checks.arrays import as_array as as_array
from fnnet.checks.arrays import features as features
from fnnet.checks.arrays import inputs as inputs
from fnnet.checks.arrays import same_length as same_length
from fnnet.checks.dtypes import F32 as F32
from fnnet.checks.dtypes import F64 as F64
from fnnet.checks.dtypes import FLOATS as FLOATS
from fnnet.checks.dtypes import cast as cast
from fnnet.checks.dtypes import dtype as dtype
from fnnet.checks.dtypes import floating as floating
from fnnet.checks.functions import function as function
from fnnet.checks.functions import method as method
from fnnet.checks.functions import pair as pair
from fnnet.checks.numbers import flag as flag
from fnnet.checks.numbers import positive as positive
from fnnet.checks.numbers import rate as rate
from fnnet.checks.numbers import real as real
from fnnet.checks.numbers import settle as settle
from fnnet.checks.numbers import size as size
from fnnet.checks.targets import between as between
from fnnet.checks.targets import gapless as gapless
from fnnet.checks.targets import labels as labels
from fnnet.checks.targets import per_row as per_row
from fnnet.checks.targets import prediction as prediction
from fnnet.checks.targets import target as target
from fnnet.checks.words import came as came
