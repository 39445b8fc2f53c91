"""Functions from optimizer to optimizer, made for ``pipe``.

What stands later in a pipe is further outside: it gets the gradients first and the new parameters last. Here ``freeze``
comes before the norm is taken, so that the norm is that of the trained leaves alone, and the average is one of what is
left after everything else; between ``adam`` and ``clip_by_global_norm`` it would leave the frozen leaves in the norm.

>>> import fnnet as fn
>>> optimizer = fn.pipe(
...     fn.adam(1e-3), fn.clip_by_global_norm(1.0), fn.freeze(lambda path: path.startswith("layers.0")), fn.ema(0.999)
... )
>>> state = fn.start(fn.mlp(fn.Key(0), (4, 8, 2)), optimizer, fn.Key(0))
>>> type(fn.averaged(state)).__name__
'Mlp'
"""
