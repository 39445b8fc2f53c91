"""Every block of code in the README and the guide runs and prints what the page shows; every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import fnnet as fn
from tests.support.pages import GUIDE, PAGES, ROOT, agree, fences, printed

NAVIGATION = (ROOT / ".ci" / "mkdocs.yml").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_prints_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for shown, output in printed(page):
        assert agree(shown, output), f"{page.name} shows\n{shown}\nand prints\n{output}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_commands_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text):
        assert (page.parent / link).exists() or link == "contributing.md", f"{page.name}: {link}"
    for module in re.findall(r"python -m (tests[\w.]+)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page.name}: {module}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_of_fnnet_exist(page: Path) -> None:
    """In tables and sentences too, where no code runs."""
    for name, inner in re.findall(r"\bfn\.(\w+)(?:\.(\w+))?", page.read_text()):
        found = getattr(fn, name)
        if inner and isinstance(found, ModuleType):
            assert hasattr(found, inner), f"{page.name}: fn.{name}.{inner}"


def test_every_page_is_in_the_navigation_once() -> None:
    for page in GUIDE.glob("*.md"):
        assert NAVIGATION.count(f" {page.name}\n") == 1, page.name


def test_pages_show_what_they_print() -> None:
    """A block of text that follows none of Python's would be compared with nothing."""
    for page in PAGES:
        languages = [language for language, _ in fences(page)]
        if "text" in languages:
            assert "python" in languages[: languages.index("text")], page.name


def test_numbers_may_differ_in_their_last_digits_and_words_may_not() -> None:
    assert agree("loss 0.981, 35 epochs", "loss 0.975, 36 epochs")
    assert not agree("loss 0.981", "loss 0.912")
    assert not agree("the same: True", "the same: False")
    assert not agree("1 of 10", "2 of 10")
