"""PLACEHOLDER"""

from fnnet.descriptions import described
from fnnet.receipts import Difference as Difference
from fnnet.receipts import changes as changes


def settings_of(step: object, data: object, run: object) -> dict[str, str]:
    settings = {"step": step, "data": data, "run": run}
    return {path: text for name, value in settings.items() for path, text in described(name, value).items()}
