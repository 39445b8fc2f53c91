"""Programs of users in many forms: a number k somewhere, ways of getting at it laid over each other, and state.

A program is made of a base, which defines ``base()`` that gives k; of layers, each of which defines a callable by
means of the one before; and of noises, which the code of the run changes and which are no settings.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

HEAD = """
import abc, contextlib, dataclasses, decimal, enum, fractions, functools, itertools, operator, sys, types, typing
import collections
import numpy as np
import fnnet as fn
def module(name, source, **given):
    made = types.ModuleType(name)
    vars(made).update(given)
    exec(source, vars(made))
    sys.modules[name] = made
    return made
def shadowing(name, source, **given):
    made = types.ModuleType(name)
    made.__file__ = "/home/user/" + name + ".py"
    vars(made).update(given)
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made
def packaged(name, source, **given):
    made = types.ModuleType(name + "_of_user")
    made.__file__ = "/usr/lib/site-packages/" + name + ".py"
    sys.modules[made.__name__] = made
    vars(made).update(given)
    exec(compile(source, made.__file__, "exec"), vars(made))
    return made
"""

BASES: Mapping[str, str] = {
    "constant": "def base(): return {k}",
    "constant of inner code": "def base(): return (lambda: {k})()",
    "constant of a comprehension": "def base(): return sum([i * {k} for i in (1,)])",
    "constant in a tuple": "def base(): return (0, {k})[1]",
    "constant behind an exception": "def base():\n try: return [][0]\n except IndexError: return {k}",
    "global": "K = {k}\ndef base(): return K",
    "global of inner code": "K = {k}\ndef base(): return (lambda: K)()",
    "global tuple": "K = (0, (1, {k}))\ndef base(): return K[1][1]",
    "global list": "K = [0, [1, {k}]]\ndef base(): return K[1][1]",
    "global dict": "K = {{'a': {{'b.c': {k}}}}}\ndef base(): return K['a']['b.c']",
    "global dict of numbers": "K = {{1: 0, '1': {k}, None: 2}}\ndef base(): return K['1']",
    "global set": "K = {{{k}, 'a', 'b', 'c'}}\ndef base(): return [k for k in K if not isinstance(k, str)][0]",
    "global deque": "K = collections.deque([{k}])\ndef base(): return K[0]",
    "global default dict": "K = collections.defaultdict(float, a={k})\ndef base(): return K['a']",
    "global array": "K = np.array([{k}])\ndef base(): return K[0]",
    "global array of objects": "K = np.array([{k}, 'a'], object)\ndef base(): return K[0]",
    "global masked array": "K = np.ma.array([1.0], mask=[{k} == 1.0])\ndef base(): return 1.0 if K.mask[0] else 2.0",
    "global NumPy number": "K = np.float32({k})\ndef base(): return K",
    "long list": "K = [0.0] * 5000 + [{k}]\ndef base(): return K[-1]",
    "list of lists": "K = [[0.0]] * 300 + [[{k}]]\ndef base(): return K[-1][0]",
    "deep list": (
        "K = {k}\nfor _ in range(3000): K = [K, K]\ndef base():\n k = K\n while type(k) is list: k = k[0]\n return k"
    ),
    "decimal": "K = decimal.Decimal({k})\ndef base(): return float(K)",
    "fraction": "K = fractions.Fraction({k})\ndef base(): return float(K)",
    "pattern": "import re\nK = re.compile('a' if {k} == 1 else 'b')\ndef base(): return 1.0 if K.match('a') else 2.0",
    "date": "import datetime\nK = datetime.date(int({k}), 1, 1)\ndef base(): return float(K.year)",
    "slice": "K = slice(int({k}), None)\ndef base(): return K.start",
    "range": "K = range(int({k}))\ndef base(): return K.stop",
    "text": "K = '{k}'\ndef base(): return float(K)",
    "long text": "K = ' ' * 1000 + '{k}'\ndef base(): return float(K)",
    "name space": "K = types.SimpleNamespace(k={k})\ndef base(): return K.k",
    "enum": "class K(enum.Enum):\n A = {k}\ndef base(): return K.A.value",
    "int enum": "class K(enum.IntEnum):\n A = int({k})\ndef base(): return int(K.A)",
    "named tuple": "K = collections.namedtuple('K', 'a')({k})\ndef base(): return K.a",
    "float of a class": "class F(float): pass\nK = F({k})\ndef base(): return K",
    "dict with attributes": (
        "class D(dict): __getattr__ = dict.__getitem__\nK = D(a=D(b={k}))\ndef base(): return K.a.b"
    ),
    "beside a dict with attributes": (
        "class D(dict):\n __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__\nL, K = D(a=1.0), {k}\n"
        "def base(): return L.a * K"
    ),
    "object that has any attribute": (
        "class D:\n def __init__(self): self.k = {k}\n def __getattr__(self, name): raise RuntimeError(name)\n"
        "K = D()\ndef base(): return K.k"
    ),
    "dict of a class": "class D(dict): pass\nK = D(a={k})\ndef base(): return K['a']",
    "attribute of a number": "class F(float): pass\nK = F(0)\nK.k = {k}\ndef base(): return K.k",
    "frozen dataclass": "@dataclasses.dataclass(frozen=True)\nclass D: k: float\nK = D({k})\ndef base(): return K.k",
    "dataclass": "@dataclasses.dataclass\nclass D: k: float\nK = D({k})\ndef base(): return K.k",
    "dataclass with more": "@dataclasses.dataclass\nclass D: a: int\nK = D(0)\nK.k = {k}\ndef base(): return K.k",
    "object": "class D:\n def __init__(self): self.k = {k}\nK = D()\ndef base(): return K.k",
    "slots": "class D:\n __slots__ = 'k', '__l'\n def __init__(self): self.k = {k}\nK = D()\ndef base(): return K.k",
    "private slots": (
        "class D:\n __slots__ = '__k'\n def __init__(self): self.__k = {k}\n"
        " def get(self): return self.__k\nK = D()\ndef base(): return K.get()"
    ),
    "class attribute": "class D: k = {k}\ndef base(): return D.k",
    "class attribute of a list": "class D: k = [{k}]\ndef base(): return D().k[0]",
    "class in a class": "class D:\n class E: k = {k}\ndef base(): return D.E.k",
    "inherited attribute": "class D: k = {k}\nclass E(D): pass\ndef base(): return E().k",
    "overridden method": (
        "class D:\n def f(self): return {k}\nclass E(D):\n def f(self): return super().f()\ndef base(): return E().f()"
    ),
    "property": "class D:\n @property\n def k(self): return {k}\ndef base(): return D().k",
    "cached property": (
        "class D:\n @functools.cached_property\n def k(self): return {k}\nD_ = D()\ndef base(): return D_.k"
    ),
    "class method": "class D:\n @classmethod\n def k(cls): return {k}\ndef base(): return D.k()",
    "static method": "class D:\n @staticmethod\n def k(): return {k}\ndef base(): return D.k()",
    "metaclass": "class M(type):\n def k(cls): return {k}\nclass D(metaclass=M): pass\ndef base(): return D.k()",
    "partial method": (
        "class D:\n def f(self, x): return x\n k = functools.partialmethod(f, {k})\ndef base(): return D().k()"
    ),
    "recursion": "def base(n=1): return base(n - 1) if n else {k}",
    "recursion in a set": (
        "def g(n): return g(n - 1) if n else {k}\nK = {{g}}\ndef base(): return max([f(1) for f in K])"
    ),
    "default": "def base(k={k}): return k",
    "module around": (
        "def make(m):\n def base(): return m.k\n return base\nbase = make(module('m_of_user', 'k = {k}'))"
    ),
    "module around inner code": (
        "def make(m):\n def base(): return (lambda: sum([m.k for _ in (1,)]))()\n return base\n"
        "base = make(module('m_of_user', 'k = {k}'))"
    ),
    "module around a class": (
        "def make(m):\n class D:\n  def f(self): return m.f()\n return D()\n"
        "D_ = make(module('m_of_user', 'k = {k}\\ndef f(): return k'))\ndef base(): return D_.f()"
    ),
    "module by default": "def base(m=module('m_of_user', 'k = {k}')): return m.k",
    "module by default of a keyword": "def base(*, m=module('m_of_user', 'k = {k}')): return (m.k + m.k) / 2",
    "module in a module around": (
        "def make(m):\n def base(): return m.sub.k\n return base\n"
        "base = make(module('m_of_user', '', sub=module('m_of_user.sub', 'k = {k}')))"
    ),
    "function of Python replaced": (
        "space = {{'__builtins__': {{**vars(__import__('builtins')), 'abs': lambda _: {k}}}}}\n"
        "exec('def base(): return abs(0)', space)\nbase = space['base']"
    ),
    "order of a dict": (
        "K = {{'a': 1.0, 'b': 2.0}} if {k} == 1 else {{'b': 2.0, 'a': 1.0}}\ndef base(): return [*K.values()][0]"
    ),
    "order of a dict of functions": (
        "K = {{'a': lambda: 1.0, 'b': lambda: 2.0}}\nif {k} != 1: K['a'] = K.pop('a')\n"
        "def base(): return [*K.values()][0]()"
    ),
    "order of an ordered dict": (
        "K = collections.OrderedDict(a=1.0, b=2.0)\nK.move_to_end('b', last={k} == 1)\n"
        "def base(): return [*K.values()][0]"
    ),
    "order of a long dict": (
        "K = {{i: float(i) for i in range(1, 201)[:: 1 if {k} == 1 else -1]}}\n"
        "def base(): return min(2.0, [*K.values()][0])"
    ),
    "length of a deque": "K = collections.deque([1], maxlen=int({k}))\ndef base(): return float(K.maxlen)",
    "length of a deque of functions": (
        "K = collections.deque([len], maxlen=int({k}))\ndef base(): return float(K.maxlen)"
    ),
    "length of a long deque": (
        "K = collections.deque(range(200), maxlen=200 + int({k}))\ndef base(): return K.maxlen - 200.0"
    ),
    "deque of a class": (
        "class D(collections.deque): pass\nK = D([1], maxlen=int({k}))\ndef base(): return float(K.maxlen)"
    ),
    "factory of a default dict": (
        "K = collections.defaultdict(lambda: {k}, a=0.0)\ndef base(): return K.default_factory()"
    ),
    "argument of an exception": "K = ValueError({k})\ndef base(): return K.args[0]",
    "argument of an exception of a class": ("class E(Exception): pass\nK = E({k})\ndef base(): return K.args[0]"),
    "decimal of a class": "class D(decimal.Decimal): pass\nK = D({k})\ndef base(): return float(K)",
    "name of a type variable": (
        "K = typing.TypeVar('T1' if {k} == 1 else 'T2')\ndef base(): return float(K.__name__[1:])"
    ),
    "metadata of a dtype": "K = np.dtype('f8', metadata={{'k': {k}}})\ndef base(): return K.metadata['k']",
    "metadata of an array's dtype": (
        "K = np.zeros(1, np.dtype('f8', metadata={{'k': {k}}}))\ndef base(): return K.dtype.metadata['k']"
    ),
    "number of many digits": "K = int({k}) << 20000\ndef base(): return float(K >> 20000)",
    "constant of many digits": "exec('def base(): return float(' + hex(int({k}) << 20000) + ' >> 20000)')",
    "sparse matrix": "import scipy.sparse\nK = scipy.sparse.csr_matrix([[{k}]])\ndef base(): return float(K[0, 0])",
    "sparse matrix of lists": (
        "import scipy.sparse\nK = scipy.sparse.lil_matrix([[{k}]])\ndef base(): return float(K[0, 0])"
    ),
    "rows that are no arrays": (
        "class R:\n def __init__(self, a): self.a, self.shape, self.dtype = a, a.shape, a.dtype\n"
        " def __len__(self): return len(self.a)\n def __getitem__(self, i): return R(self.a[i])\n"
        "K = R(np.full((3, 2), {k}))\ndef base(): return K[[0]].a[0, 0]"
    ),
    "rows of another dtype": (
        "class R:\n shape, dtype = (3,), np.dtype('i4')\n def __init__(self): self.k = {k}\n"
        " def __len__(self): return 3\n def __getitem__(self, i): return np.full(len(i), self.k)\n"
        "K = R()\ndef base(): return K[[0]][0]"
    ),
    "default of a keyword": "def base(*, k={k}): return k",
    "closure": "def make(k):\n def base(): return k\n return base\nbase = make({k})",
    "attribute of a function": "def base(): return base.k\nbase.k = {k}",
    "module": "m = module('m_of_user', 'k = {k}')\ndef base(): return m.k",
    "list of a module": "m = module('m_of_user', 'k = [{k}]')\ndef base(): return m.k[0]",
    "function of a module": "m = module('m_of_user', 'k = {k}\\ndef f(): return k')\ndef base(): return m.f()",
    "module of a package": (
        "m = module('m_of_user', '', sub=module('m_of_user.sub', 'k = {k}'))\ndef base(): return m.sub.k"
    ),
    "import inside": "module('m_of_user', 'k = {k}')\ndef base():\n import m_of_user\n return m_of_user.k",
    "import of a name": "module('m_of_user', 'k = {k}')\ndef base():\n from m_of_user import k\n return k",
    "import inside for inner code": (
        "module('m_of_user', 'k = {k}')\ndef base():\n import m_of_user as m\n def inner(): return m.k\n return inner()"
    ),
    "import of a part": (
        "module('m_of_user', '')\nmodule('m_of_user.sub', 'k = {k}')\n"
        "sys.modules['m_of_user'].sub = sys.modules['m_of_user.sub']\ndef base():\n"
        " import m_of_user.sub as s\n return s.k"
    ),
    "item getter": "K = operator.itemgetter(int({k}))\ndef base(): return K([0, 1.0, 2.0])",
    "method of a dict": "K = {{'a': {k}}}.get\ndef base(): return K('a')",
    "context of a method": (
        "class D:\n @contextlib.contextmanager\n def at(self): yield {k}\nK = D()\ndef base():\n"
        " with K.at() as k: return k"
    ),
    "init without a file": "class D:\n def __init__(self, k={k}): self.k = k\ndef base(): return D().k",
    "dataclass default": "@dataclasses.dataclass\nclass D: k: float = {k}\ndef base(): return D().k",
    "dataclass default in slots": (
        "@dataclasses.dataclass(frozen=True, slots=True)\nclass D: k: float = {k}\ndef base(): return D().k"
    ),
    "dataclass factory": (
        "@dataclasses.dataclass\nclass D: k: list = dataclasses.field(default_factory=lambda: [{k}])\n"
        "def base(): return D().k[0]"
    ),
    "dataclass key": (
        "@dataclasses.dataclass(slots=True)\nclass D: k: object = dataclasses.field(default=fn.Key(int({k})))\n"
        "def base(): return float(D().k.seed)"
    ),
    "dataclass with a changing field": (
        "@dataclasses.dataclass(slots=True)\nclass D:\n k: float = {k}\n def f(self):\n  self.k = self.k\n"
        "  return self.k\ndef base(): return D().f()"
    ),
    "dataclass order": (
        "D = dataclasses.make_dataclass('D', ['k', 'l'] if {k} == 1 else ['l', 'k'])\ndef base(): return D(1.0, 2.0).k"
    ),
    "dataclass made": "D = dataclasses.make_dataclass('D', [('k', float, {k})])\ndef base(): return D().k",
    "dataclass inherited": (
        "@dataclasses.dataclass(slots=True)\nclass B: k: float = {k}\n@dataclasses.dataclass(slots=True)\n"
        "class D(B): l: float = 0.0\ndef base(): return D().k"
    ),
    "dataclass metadata": (
        "@dataclasses.dataclass\nclass D: a: int = dataclasses.field(default=0, metadata={{'k': {k}}})\n"
        "def base(): return dataclasses.fields(D)[0].metadata['k']"
    ),
    "named tuple default": "class D(typing.NamedTuple): k: float = {k}\ndef base(): return D().k",
    "named tuple method": "class D(typing.NamedTuple):\n def k(self): return {k}\ndef base(): return D().k()",
    "enum default": (
        "class E(enum.Enum):\n A = {k}\nclass D(typing.NamedTuple): k: E = E.A\ndef base(): return D().k.value"
    ),
    "enum property": ("class E(enum.Enum):\n A = 0\n @property\n def k(self): return {k}\ndef base(): return E.A.k"),
    "enum order": (
        "E = enum.Enum('E', {{'A': 1.0, 'B': 2.0}} if {k} == 1 else {{'B': 2.0, 'A': 1.0}})\n"
        "def base(): return list(E)[0].value"
    ),
    "enum missing": (
        "class E(enum.Enum):\n A = 1.0\n B = 2.0\n @classmethod\n def _missing_(cls, v): return cls({k})\n"
        "def base(): return E(7).value"
    ),
    "attribute of an enum's member": "class E(enum.Enum):\n A = 0\nE.A.k = {k}\ndef base(): return E.A.k",
    "registered class": (
        "class A(abc.ABC): pass\nclass B: pass\nif {k} == 1: A.register(B)\n"
        "def base(): return 1.0 if isinstance(B(), A) else 2.0"
    ),
    "dataclass that hashes": (
        "@dataclasses.dataclass(unsafe_hash={k} == 1)\nclass D: a: int = 0\n"
        "def base():\n try: return float(len({{D()}}))\n except TypeError: return 2.0"
    ),
    "dataclass that compares": (
        "@dataclasses.dataclass(eq={k} == 1)\nclass D: a: int = 0\ndef base(): return 1.0 if D() == D() else 2.0"
    ),
    "dataclass with an order": (
        "@dataclasses.dataclass(order={k} == 1)\nclass D: a: int = 0\n"
        "def base():\n try: return float(D() <= D())\n except TypeError: return 2.0"
    ),
    "dataclass in patterns": (
        "@dataclasses.dataclass(match_args={k} == 1)\nclass D: a: float = 1.0\ndef base():\n"
        " try:\n  match D():\n   case D(a): return a\n except TypeError: return 2.0"
    ),
    "representation of a field": (
        "@dataclasses.dataclass\nclass D: a: int = dataclasses.field(default=0, repr={k} == 1)\n"
        "def base(): return 1.0 if 'D(a=0)' in repr(D()) else 2.0"
    ),
    "hash of a field": (
        "@dataclasses.dataclass(unsafe_hash=True)\n"
        "class D: a: int = dataclasses.field(compare=False, hash={k} == 1)\n"
        "def base(): return 3.0 - len({{D(0), D(1)}})"
    ),
    "hash": (
        "class D:\n def __hash__(self): return 2 * int({k}) - 2\nK = D()\n"
        "def base(): return 1.0 if [*{{1, K}}][0] is K else 2.0"
    ),
    "hash of none": (
        "class D:\n def __eq__(self, other): return True\nif {k} == 1: D.__hash__ = lambda self: 1\n"
        "def base():\n try: return float(len({{D()}}))\n except TypeError: return 2.0"
    ),
    "arguments of patterns": (
        "class D:\n a, b, __match_args__ = 1.0, 2.0, ('ab'[int({k}) - 1],)\ndef base():\n match D():\n"
        "  case D(x): return x"
    ),
    "attribute of a path": (
        "class D:\n def __init__(self): self.k = {k}\n def __fspath__(self): return 'a'\nK = D()\n"
        "def base(): return K.k"
    ),
    "method of a path": (
        "class D:\n def __fspath__(self): return 'a'\n def f(self): return {k}\nK = D()\ndef base(): return K.f()"
    ),
    "class of a path": (
        "import pathlib\nclass D(type(pathlib.Path())): k = {k}\nK = D('a')\ndef base():\n str(K), {{K}}\n return K.k"
    ),
    "attribute of a path of Python": (
        "import pathlib\nclass D(type(pathlib.Path())): pass\nK = D('a')\nK.k = {k}\ndef base(): return K.k"
    ),
    "protocol": ("class P(typing.Protocol):\n def f(self): return {k}\nclass D(P): pass\ndef base(): return D().f()"),
    "typed dict": "class T(typing.TypedDict): k: float\nK = T(k={k})\ndef base(): return K['k']",
    "order of bases": (
        "class A: k = 1.0\nclass B: k = 2.0\nD = type('D', (A, B) if {k} == 1 else (B, A), {{}})\n"
        "def base(): return D.k"
    ),
    "method put in later": (
        "class D: pass\ndef call(self): return {k}\nD.__call__ = call\nK = D()\ndef base(): return K()"
    ),
    "class under another name": (
        "text = '@wraps(Linear, updated=())\\nclass D:\\n def __call__(self): return {k}'\n"
        "base = shadowing('m_of_user', text, wraps=functools.wraps, Linear=fn.Linear).D()"
    ),
    "hook of a base": (
        "class B:\n def __init_subclass__(cls, k): cls.k = k\nclass D(B, k={k}): pass\ndef base(): return D.k"
    ),
    "filled array": "K = np.ma.array([0.0], mask=[True], fill_value={k})\ndef base(): return K.filled()[0]",
    "enum by itself": (
        "class E(enum.Enum):\n def _generate_next_value_(*_): return {k}\n A = enum.auto()\n"
        "def base(): return E.A.value"
    ),
    "class made by type": "D = type('D', (), dict(k={k}))\ndef base(): return D.k",
    "class made by types": "D = types.new_class('D', (), {{}}, lambda d: d.update(k={k}))\ndef base(): return D.k",
    "class made by abc": "D = abc.ABCMeta('D', (), dict(k={k}))\ndef base(): return D.k",
    "class without a module": (
        "space = {{}}\nexec('class D: k = {k}\\ndef make():\\n class D: k = {k}\\n return D', space)\n"
        "D, E = space['D'], space['make']()\ndef base(): return (D.k + E.k) / 2"
    ),
    "attribute of a metaclass": "class M(type): k = {k}\nclass D(metaclass=M): pass\ndef base(): return D.k",
    "call of a metaclass": (
        "class M(type):\n def __call__(cls): return {k}\nclass D(metaclass=M): pass\ndef base(): return D()"
    ),
    "call by a partial method": (
        "class D:\n def f(self, x): return x\n __call__ = functools.partialmethod(f, {k})\nK = D()\n"
        "def base(): return K()"
    ),
    "spoken attribute of a class": "class D: __k__ = {k}\ndef base(): return D.__k__",
    "spoken attribute of an object": "class D: pass\nK = D()\nK.__k__ = {k}\ndef base(): return K.__k__",
    "spoken attribute of a function": "def base(): return base.__k__\nbase.__k__ = {k}",
    "attribute of a partial": "K = functools.partial(max)\nK.k = {k}\ndef base(): return K.k",
    "attribute of a cached function": "@functools.lru_cache\ndef g(): pass\ng.k = {k}\ndef base(): return g.k",
    "partial by another name": (
        "def f(k): return k\nbase = functools.update_wrapper(functools.partial(f, {k}), fn.mse)"
    ),
    "partials in each other": (
        "def f(k, *, l): return k * l\nbase = functools.partial(functools.partial(f, {k}), l=1)"
    ),
    "generator": "def g(): yield {k}\ndef base(): return next(g())",
    "lambdas in a dict": "K = {{'a': {{'b': [lambda: {k}]}}}}\ndef base(): return K['a']['b'][0]()",
    "function by another name": "g = module('m_of_user', 'k = {k}\\ndef f(): return k').f\ndef base(): return g()",
    "array of a class": "class A(np.ndarray): pass\nK = np.zeros(3).view(A)\nK.k = {k}\ndef base(): return K.k",
    "method of an array": (
        "class A(np.ndarray):\n def k(self): return {k}\nK = np.zeros(3).view(A)\ndef base(): return K.k()"
    ),
    "rows of a class": (
        "class A:\n shape, dtype = (3, 2), np.dtype('f8')\n def __init__(self): self.k = {k}\n"
        " def __len__(self): return 3\n def __getitem__(self, i): return np.zeros((len(i), 2))\n"
        "K = A()\ndef base(): return K.k"
    ),
    "literal": "K = typing.Literal['{k}']\ndef base(): return float(typing.get_args(K)[0])",
    "descriptor": ("class G:\n def __get__(self, *_): return {k}\nclass D: k = G()\ndef base(): return D().k"),
    "attribute that is missing": "class D:\n def __getattr__(self, _): return {k}\ndef base(): return D().k",
    "module like one of Python": "m = shadowing('statistics', 'k = {k}')\ndef base(): return m.k",
    "function of a module like one of Python": (
        "m = shadowing('profile', 'K = {k}\\ndef f(): return K')\ndef base(): return m.f()"
    ),
    "class of a module like one of Python": (
        "m = shadowing('statistics', 'class D:\\n def k(self): return {k}')\ndef base(): return m.D().k()"
    ),
}
"""What defines ``base()`` that gives k."""

LAYERS: Mapping[str, str] = {
    "function": "def {new}(): return {old}()",
    "lambda": "{new} = lambda: {old}()",
    "inner function": "def {new}():\n def inner(): return {old}()\n return inner()",
    "closure": "def make_{new}(f):\n def inner(): return f()\n return inner\n{new} = make_{new}({old})",
    "two closures": (
        "def make_{new}(f):\n def one():\n  def two(): return f()\n  return two()\n return one\n"
        "{new} = make_{new}({old})"
    ),
    "default": "def {new}(f={old}): return f()",
    "partial": "def call_{new}(f): return f()\n{new} = functools.partial(call_{new}, {old})",
    "partial of a keyword": "def call_{new}(*, f): return f()\n{new} = functools.partial(call_{new}, f={old})",
    "cached": "@functools.lru_cache\ndef {new}(): return {old}()",
    "decorated": (
        "def around_{new}(f):\n @functools.wraps(f)\n def inner(): return f()\n return inner\n"
        "@around_{new}\ndef {new}(): return {old}()"
    ),
    "wrapping a loss": "@functools.wraps(fn.mse)\ndef {new}(): return {old}()",
    "wrapping a function of NumPy": (
        "def make_{new}(f):\n @functools.wraps(np.mean)\n def inner(): return f()\n return inner\n"
        "{new} = make_{new}({old})"
    ),
    "wrapping a method": (
        "class C_{new}:\n @functools.wraps(fn.RowLoss.__call__)\n def __call__(self): return {old}()\n{new} = C_{new}()"
    ),
    "wrapping in a class": (
        "class C_{new}:\n f = staticmethod(functools.wraps(np.mean)(lambda: {old}()))\ndef {new}(): return C_{new}.f()"
    ),
    "context of a method": (
        "class C_{new}:\n @contextlib.contextmanager\n def at(self): yield {old}()\n def __call__(self):\n"
        "  with self.at() as k: return k\n{new} = C_{new}()"
    ),
    "default of a dataclass": (
        "@dataclasses.dataclass(slots=True)\nclass C_{new}: f: object = {old}\ndef {new}(): return C_{new}().f()"
    ),
    "factory": (
        "@dataclasses.dataclass\nclass C_{new}: k: float = dataclasses.field(default_factory={old})\n"
        "def {new}(): return C_{new}().k"
    ),
    "module like one of Python": (
        "{new}_m = shadowing('calendar', 'def f(): return g()', g={old})\ndef {new}(): return {new}_m.f()"
    ),
    "decorated by an object": (
        "class Around_{new}:\n def __init__(self, f): functools.update_wrapper(self, f)\n"
        " def __call__(self): return self.__wrapped__()\n@Around_{new}\ndef {new}(): return {old}()"
    ),
    "context": (
        "@contextlib.contextmanager\ndef in_{new}(): yield {old}()\ndef {new}():\n with in_{new}() as k: return k"
    ),
    "dict": "D_{new} = {{'f': {old}}}\ndef {new}(): return D_{new}['f']()",
    "list": "L_{new} = [len, {old}]\ndef {new}(): return L_{new}[1]()",
    "set": "S_{new} = {{{old}, len}}\ndef {new}(): return max([f() for f in S_{new} if f is not len])",
    "method": "class C_{new}:\n def f(self): return {old}()\n{new} = C_{new}().f",
    "object": "class C_{new}:\n def __call__(self): return {old}()\n{new} = C_{new}()",
    "attribute": (
        "class C_{new}:\n def __init__(self, f): self.f = f\n def __call__(self): return self.f()\n"
        "{new} = C_{new}({old})"
    ),
    "slot": (
        "class C_{new}:\n __slots__ = ('f',)\n def __init__(self, f): self.f = f\n"
        " def __call__(self): return self.f()\n{new} = C_{new}({old})"
    ),
    "class attribute": (
        "class C_{new}:\n f = staticmethod({old})\n def __call__(self): return self.f()\n{new} = C_{new}()"
    ),
    "class attribute of a dict": (
        "class C_{new}:\n fs = {{'f': {old}}}\n def __call__(self): return self.fs['f']()\n{new} = C_{new}()"
    ),
    "frozen dataclass": (
        "@dataclasses.dataclass(frozen=True)\nclass C_{new}:\n f: object\n"
        " def __call__(self): return self.f()\n{new} = C_{new}({old})"
    ),
    "dataclass": (
        "@dataclasses.dataclass(unsafe_hash=True)\nclass C_{new}:\n f: object\n def __call__(self): return self.f()\n"
        "{new} = C_{new}({old})"
    ),
    "inherited": (
        "class B_{new}:\n def __call__(self): return {old}()\nclass C_{new}(B_{new}): pass\n{new} = C_{new}()"
    ),
    "class made in a function": (
        "def make_{new}(f):\n class C:\n  def __call__(self): return f()\n return C()\n{new} = make_{new}({old})"
    ),
    "property": (
        "class C_{new}:\n @property\n def f(self): return {old}\n def __call__(self): return self.f()\n"
        "{new} = C_{new}()"
    ),
    "class method": "class C_{new}:\n @classmethod\n def f(cls): return {old}()\n{new} = C_{new}.f",
    "module": "{new}_m = module('{new}_of_user', 'def f(): return g()', g={old})\ndef {new}(): return {new}_m.f()",
    "star call": "def {new}(*rest, **more): return (lambda *a: {old}(*a))(*rest)",
    "conditional": "def {new}(x=None): return {old}() if x is None else 0",
    "loss": (
        "class C_{new}(fn.RowLoss):\n def rows(self, p, t): return p * {old}(), t\n"
        " def __call__(self): return self.rows(1, 1)[0]\n{new} = C_{new}()"
    ),
    "setting of fnnet": "{new}_s = fn.join((fn.sgd, {old}), (1,))\ndef {new}(): return {new}_s.schedules[1]()",
}
"""What defines a callable by means of another."""

NOISES: Mapping[str, str] = {
    "counter": "calls = 0\ndef {new}():\n global calls\n calls += 1\n return {old}()",
    "counter of an object": (
        "class C_{new}:\n def __init__(self): self.n = 0\n def __call__(self):\n  self.n += 1\n"
        "  return {old}()\n{new} = C_{new}()"
    ),
    "counter not there yet": (
        "class C_{new}:\n def __call__(self):\n  self.n = getattr(self, 'n', 0) + 1\n  return {old}()\n"
        "{new} = C_{new}()"
    ),
    "counter of a class": (
        "class C_{new}:\n n = 0\n def __call__(self):\n  C_{new}.n += 1\n  return {old}()\n{new} = C_{new}()"
    ),
    "counter of a function": "def {new}():\n {new}.n += 1\n return {old}()\n{new}.n = 0",
    "counter around": (
        "def make_{new}():\n n = 0\n def inner():\n  nonlocal n\n  n += 1\n  return {old}()\n"
        " return inner\n{new} = make_{new}()"
    ),
    "counter in a frozen dataclass": (
        "@dataclasses.dataclass(frozen=True)\nclass C_{new}:\n n: int = 0\n def __call__(self):\n"
        "  object.__setattr__(self, 'n', self.n + 1)\n  return {old}()\n{new} = C_{new}()"
    ),
    "counter in an array": "N_{new} = np.zeros(1)\ndef {new}():\n N_{new}[0] += 1\n return {old}()",
    "array in place": "N_{new} = np.zeros(1)\ndef {new}():\n n = N_{new}\n n += 1\n return {old}()",
    "array as out": "N_{new} = np.zeros(1)\ndef {new}():\n np.add(N_{new}, 1, out=N_{new})\n return {old}()",
    "counter of a module": ("M_{new} = module('{new}_state', 'n = 0')\ndef {new}():\n M_{new}.n += 1\n return {old}()"),
    "counts": "N_{new} = collections.Counter()\ndef {new}():\n N_{new}['a'] += 1\n return {old}()",
    "updated counts": "N_{new} = collections.Counter()\ndef {new}():\n N_{new}.update('ab')\n return {old}()",
    "nested counts": "N_{new} = {{'a': {{'b': 0}}}}\ndef {new}():\n N_{new}['a']['b'] += 1\n return {old}()",
    "counts of another": (
        "N_{new} = {{'n': 0}}\ndef bump_{new}(d): d['n'] += 1\ndef {new}():\n bump_{new}(N_{new})\n return {old}()"
    ),
    "counts of one further": (
        "N_{new} = {{'n': 0}}\ndef bump_{new}(d): d['n'] += 1\ndef pass_{new}(e): bump_{new}(e)\n"
        "def {new}():\n pass_{new}(N_{new})\n return {old}()"
    ),
    "memo": (
        "MEMO_{new} = {{}}\ndef {new}(x=0):\n if x not in MEMO_{new}: MEMO_{new}[x] = {old}()\n return MEMO_{new}[x]"
    ),
    "memo by default": "def {new}(memo={{}}):\n return memo.setdefault('a', {old}())",
    "memo around": (
        "def memoized_{new}(f):\n memo = {{}}\n @functools.wraps(f)\n def inner(*a):\n"
        "  if a not in memo: memo[a] = f(*a)\n  return memo[a]\n return inner\n@memoized_{new}\n"
        "def {new}(): return {old}()"
    ),
    "memo of an object": (
        "class C_{new}:\n def __init__(self): self.memo = {{}}\n def __call__(self):\n  m = self.memo\n"
        "  m[0] = {old}()\n  return m[0]\n{new} = C_{new}()"
    ),
    "memo of a condition": (
        "A_{new}, B_{new} = {{}}, {{}}\ndef {new}(x=0):\n m = A_{new} if x else B_{new}\n m[x or 1] = 1\n"
        " return {old}()"
    ),
    "memo in a dict of a class": (
        "class C_{new}(dict):\n def __missing__(self, key):\n  self[key] = {old}()\n  return self[key]\n"
        "M_{new} = C_{new}()\ndef {new}(): return M_{new}['a']"
    ),
    "cache": "@functools.lru_cache\ndef cached_{new}(x): return {old}()\ndef {new}(): return cached_{new}(len('a'))",
    "cached property": (
        "class C_{new}:\n @functools.cached_property\n def p(self): return {old}()\nO_{new} = C_{new}()\n"
        "def {new}(): return O_{new}.p"
    ),
    "appended list": "L_{new} = []\ndef {new}():\n L_{new}.append(1)\n return {old}()",
    "list by another name": "L_{new} = []\ndef {new}():\n add = L_{new}.append\n add(1)\n return {old}()",
    "rows of a list": "L_{new} = [[], []]\ndef {new}():\n for row in L_{new}: row.append(1)\n return {old}()",
    "slices": "L_{new} = []\ndef {new}():\n L_{new}[len(L_{new}):] = [1]\n return {old}()",
    "removed": "L_{new} = list(range(1000))\ndef {new}():\n del L_{new}[-1]\n return {old}()",
    "iterator": "I_{new} = iter(range(1000))\ndef {new}():\n next(I_{new})\n return {old}()",
    "count": "I_{new} = itertools.count()\ndef {new}():\n next(I_{new})\n return {old}()",
    "generator": (
        "def g_{new}():\n while True: yield 1\nG_{new} = g_{new}()\ndef {new}():\n next(G_{new})\n return {old}()"
    ),
    "random numbers": "R_{new} = np.random.default_rng(0)\ndef {new}():\n R_{new}.normal()\n return {old}()",
    "sparse matrix that notes its order": (
        "import scipy.sparse\nS_{new} = scipy.sparse.csr_array([[1.0, 2.0]])\n"
        "def {new}():\n S_{new}.max()\n S_{new}.has_canonical_format\n return {old}()"
    ),
    "random numbers of a class": (
        "class R_{new}(np.random.RandomState): pass\nO_{new} = R_{new}(0)\n"
        "def {new}():\n O_{new}.normal()\n return {old}()"
    ),
    "random numbers of a class of Python": (
        "import random\nclass R_{new}(random.Random): pass\nO_{new} = R_{new}(0)\n"
        "def {new}():\n O_{new}.random()\n return {old}()"
    ),
    "count of a class": (
        "class R_{new}(itertools.count): pass\nO_{new} = R_{new}(0)\ndef {new}():\n next(O_{new})\n return {old}()"
    ),
    "counter of a deque of a class": (
        "class D_{new}(collections.deque):\n n, __hash__ = 0, object.__hash__\n"
        " def __call__(self):\n  self.n += 1\n  return {old}()\n"
        "{new} = D_{new}([len], 3)"
    ),
    "counter of an exception": (
        "class E_{new}(Exception):\n def __call__(self):\n  self.n = len(vars(self))\n  return {old}()\n"
        "{new} = E_{new}(1)\n{new}.n = 0"
    ),
    "counter of a module around": (
        "def make_{new}(m):\n def inner():\n  m.n += 1\n  return {old}()\n return inner\n"
        "{new} = make_{new}(module('{new}_state', 'n = 0'))"
    ),
    "method of random numbers": (
        "R_{new} = np.random.default_rng(0).normal\ndef {new}():\n R_{new}()\n return {old}()"
    ),
    "a text with an address": "T_{new} = [str(object())]\ndef {new}(): return {old}() if T_{new} else 0",
    "an address that is kept": (
        "class C_{new}:\n def __init__(self): self.key, self.number = ['a'], None\n"
        " def __call__(self): return {old}()\n{new} = C_{new}()\n{new}.number = id({new}.key)"
    ),
    "what a metaclass of a package notes": (
        "Meta_{new} = packaged('meta', 'class Meta(type):\\n def __init__(cls, *a):\\n"
        "  super().__init__(*a)\\n  cls.__noted__ = [id(cls)]').Meta\n"
        "class C_{new}(metaclass=Meta_{new}):\n def __call__(self): return {old}()\n{new} = C_{new}()"
    ),
    "hash that is kept": (
        "class C_{new}:\n def __init__(self): self.text, self._hash = 'a', len({{'a'}}) * 'a'.__hash__()\n"
        " def __call__(self): return {old}()\n{new} = C_{new}()"
    ),
    "hash that is kept when it is asked for": (
        "class C_{new}:\n __slots__ = 'text', '__hash'\n def __init__(self): self.text, self.__hash = 'a', None\n"
        " def __hash__(self):\n  self.__hash = hash(self.text)\n  return self.__hash\n"
        " def __call__(self): return {old}() if self in {{self}} else 0\n{new} = C_{new}()"
    ),
    "objects by their addresses": "O_{new} = [object()]\ndef {new}(): return {old}() if O_{new} else 0",
    "a set of texts": "S_{new} = {{'a', 'b', 'c', 'd'}}\ndef {new}(): return {old}() if S_{new} else 0",
    "a set of functions": (
        "S_{new} = {{len, max, lambda: 1, lambda: 2}}\ndef {new}(): return {old}() if S_{new} else 0"
    ),
    "a dict by objects": (
        "class Key_{new}: pass\nD_{new} = {{Key_{new}(): 1, Key_{new}: 2, len: 3}}\n"
        "def {new}(): return {old}() if D_{new} else 0"
    ),
    "global not there yet": ("def {new}():\n global late_{new}\n late_{new} = 1\n return {old}() if late_{new} else 0"),
    "in a context": "@np.errstate(over='ignore')\ndef {new}(): return {old}()",
    "method in a context": (
        "class C_{new}:\n @np.errstate(over='ignore')\n def __call__(self): return {old}()\n{new} = C_{new}()"
    ),
    "field of a dataclass": (
        "@dataclasses.dataclass(eq=False)\nclass C_{new}:\n n: int = 0\n def __call__(self):\n  self.n += 1\n"
        "  return {old}()\n{new} = C_{new}()"
    ),
    "dataclass with another init": (
        "@dataclasses.dataclass\nclass C_{new}: k: float = 0.0\ndef around_{new}(g):\n @functools.wraps(g)\n"
        " def init(self): g(self, {old}())\n return init\nC_{new}.__init__ = around_{new}(C_{new}.__init__)\n"
        "def {new}(): return C_{new}().k"
    ),
    "list of a dataclass": (
        "class L_{new}(list): __hash__ = object.__hash__\n@dataclasses.dataclass(slots=True)\n"
        "class C_{new}: a: object = L_{new}()\n"
        "def {new}():\n C_{new}().a.append(1)\n return {old}()"
    ),
    "single dispatch method": (
        "class C_{new}:\n @functools.singledispatchmethod\n def f(self, x): return 0\n @f.register\n"
        " def _(self, x: int): return {old}()\nO_{new} = C_{new}()\ndef {new}(): return O_{new}.f(1)"
    ),
    "single dispatch": (
        "@functools.singledispatch\ndef {new}_d(x): return 0\n@{new}_d.register\n"
        "def _(x: int): return {old}()\ndef {new}(): return {new}_d(1)"
    ),
    "lock": "import threading\nL_{new} = threading.Lock()\ndef {new}():\n with L_{new}: return {old}()",
    "log": "import logging\nL_{new} = logging.getLogger('a')\ndef {new}():\n L_{new}.debug('a')\n return {old}()",
    "globals": "N_{new} = 0\ndef {new}():\n globals()['N_{new}'] = 1\n return {old}()",
}
"""The same with state, which a run changes, and with what is another thing in every process."""


def source(base: str, layers: Sequence[str], k: float) -> str:
    """The program of a base and of layers or noises over it; its last callable is named f."""
    parts, old = [HEAD, BASES[base].format(k=k)], "base"
    for i, layer in enumerate(layers):
        new = "f" if i == len(layers) - 1 else f"f{i}"
        parts.append({**LAYERS, **NOISES}[layer].format(old=old, new=new))
        old = new
    return "\n".join(parts if layers else [*parts, "f = base"])


def made(base: str, layers: Sequence[str], k: float = 1.0) -> Any:
    """The callable of such a program."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for name in [name for name in sys.modules if name.endswith("_of_user") or "m_of_user" in name]:
        del sys.modules[name]
    exec(source(base, layers, k), namespace)
    return namespace["f"]


assert not set(LAYERS) & set(NOISES)
