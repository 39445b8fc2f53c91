"""An extension of Griffe, which reads the sources for the reference: fnnet's docstrings as readable pages."""

from __future__ import annotations

import re

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.M)


class Readable(griffe.Extension):
    """Doctests become code blocks, and a setting's class lends its signature and docstring to its public name."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Once, when all is read."""
        for module in [pkg, *modules_in(pkg)]:
            for member in list(module.members.values()):
                if isinstance(member, griffe.Attribute):
                    named_after(member, module)
            for item in items_in(module):
                if item.docstring is not None:
                    item.docstring.value = fenced(item.docstring.value)


def modules_in(module: griffe.Module) -> list[griffe.Module]:
    """All modules below one."""
    inside = [found for found in module.modules.values() if not found.is_alias]
    return [each for found in inside for each in (found, *modules_in(found))]


def items_in(item: griffe.Object) -> list[griffe.Object]:
    """A thing and all that is defined in it, except further modules."""
    inside = [member for member in item.members.values() if not member.is_alias and not member.is_module]
    return [item, *[each for member in inside for each in items_in(member)]]


def named_after(name: griffe.Attribute, module: griffe.Module) -> None:
    """``adam = Adam`` is shown as a function with Adam's parameters, ``fit = Fitting(train)`` with those of its call,
    and ``mse = MeanSquaredError()``, whose call is its base's, as what it is. All get the docstring of the class."""
    kind = module.members.get(str(name.value).partition("(")[0])
    if not isinstance(kind, griffe.Class):
        return
    documentation = kind.docstring.value if kind.docstring else ""
    call = kind.members.get("__call__")
    if str(name.value) == kind.name:
        parameters, returns = kind.parameters, kind.name
    elif isinstance(call, griffe.Function):
        parameters, returns = call.parameters, call.returns
    else:
        name.docstring = name.docstring or griffe.Docstring(documentation, parent=name)
        return
    made = griffe.Function(
        name.name,
        lineno=kind.lineno,
        endlineno=kind.endlineno,
        parameters=griffe.Parameters(*[each for each in parameters if each.name != "self"]),
        returns=returns,
    )
    made.docstring = griffe.Docstring(documentation, parent=made)
    module.set_member(name.name, made)


def fenced(text: str) -> str:
    """A docstring with its doctests as blocks of code."""
    return DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
