"""A hook of MkDocs: the pages that the site has beside the guide. One for each group of public names, one for each
example, and the contributing page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import fnnet as fn  # noqa: E402
from tests.support.public_names import Group, groups  # noqa: E402

MODULES = ("fn.checks", "fn.keys", "fn.numerics", "fn.testing", "fn.tree")
"""Those of which every public name has its own entry, though no group lists it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation with the reference and the examples."""
    assert config.nav is not None
    config.nav.append({"Reference": [{title_of(group): page_of(group)} for group in all_groups()]})
    examples = [{path.stem: f"examples/{path.stem}.md"} for path in sorted((ROOT / "examples").glob("*.py"))]
    config.nav.append({"Programs": examples})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are made, and the contributing page from where it lies."""
    made = {page_of(group): reference(group) for group in all_groups()}
    made |= {f"examples/{path.stem}.md": program(path) for path in (ROOT / "examples").glob("*.py")}
    made["contributing.md"] = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    made["site.css"] = ".md-grid { max-width: 80rem; }\n"  # so that a line of code is read without scrolling
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links to programs lead to their pages, and files of the repository that have none are only named."""
    linked = re.sub(r"\]\(\.\./(\w+)\.py\)", r"](examples/\1.md)", markdown)
    linked = linked.replace("](../../.github/CONTRIBUTING.md)", "](contributing.md)")
    return re.sub(r"\[([^\]]+)\]\(\.\./\.\./[^)]+\)", r"\1", linked)


def all_groups() -> tuple[Group, ...]:
    """The groups of the docstring, and the modules."""
    modules = [Group(module, module, public(getattr(fn, module[3:]))) for module in MODULES]
    return (*groups(), *modules)


def public(module: ModuleType) -> tuple[str, ...]:
    """The functions and classes that a module defines, or gathers from its own folder."""
    home = {name: getattr(value, "__module__", None) or "" for name, value in vars(module).items()}
    return tuple(name for name in sorted(home) if home[name].startswith(module.__name__) and not name.startswith("_"))


def title_of(group: Group) -> str:
    """``Losses``, of ``Layers, and the functions that draw their weights`` what is before the comma."""
    return group.title.partition(",")[0]


def page_of(group: Group) -> str:
    """``Training and prediction`` is reference/training_and_prediction.md."""
    return f"reference/{'_'.join(re.findall(r'[a-z]+', title_of(group).lower()))}.md"


def reference(group: Group) -> str:
    """The page of a group: an entry for each of its names."""
    entries = [entry(group.module, name) for name in group.names if f"fn.{name}" not in MODULES]
    return "\n\n".join([f"# {group.title}", *entries])


def entry(module: str, name: str) -> str:
    """What mkdocstrings reads: the name, and how it is written in a program."""
    full = f"fnnet.{name}" if module == "fn" else f"{module.replace('fn.', 'fnnet.')}.{name}"
    shown = f"{module.replace('fnnet.', '')}.{name}"
    return f"::: {full}\n    options:\n      heading: {shown}\n      toc_label: {shown}"


def program(path: Path) -> str:
    """An example: its source."""
    return f"# {path.name}\n\n```python\n{path.read_text()}```\n"
