"""What a lesson asserts and what it measures: shown to the reader, read again by the runner."""

import math
from collections.abc import Sequence

import numpy as np

CLAIM = "application/vnd.keras-by-experiment.claim+json"
RECORD = "application/vnd.keras-by-experiment.record+json"
NOT_FINITE = "nan", "inf", "-inf"  # numbers that JSON does not know, as texts


def claim(text: str, holds: bool) -> None:
    """Show ``✓ text`` when ``holds`` is true and ``✗ text`` when it is not.

    It never raises: a broken claim is not to hide the rest of the lesson. Anything but a plain
    truth value breaks it: a list or a model is "true" whatever it holds, and could not fail.
    """
    kept = isinstance(holds, bool | np.bool_) and bool(holds)
    sign = "✓" if kept else "✗"
    show({CLAIM: {"text": text, "holds": kept}, "text/plain": f"{sign} {text}"})


def record(**values: float | str | Sequence[float]) -> None:
    """Show measured values by name and store them in full precision.

    Raises:
        TypeError: if a value is neither a number, nor a string, nor a curve: a row of numbers.
    """
    plain = {name: _plain(name, value) for name, value in values.items()}
    lines = [f"{name} = {in_short(value)}" for name, value in plain.items()]
    show({RECORD: plain, "text/plain": "\n".join(lines)})


def in_short(value: float | str | list) -> str:
    """Return a value as text, what is no whole number with four digits."""
    if isinstance(value, list):
        return " ".join(map(in_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def collect(notebook: dict) -> tuple[list[dict], dict]:
    """Return claims (``text``, ``holds``) and records of a notebook; what is malformed is skipped."""
    claims, records = [], {}
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    for bundle in (output.get("data", {}) for output in outputs):
        match bundle.get(CLAIM):
            case {"text": str(text), "holds": bool(holds)}:
                claims.append({"text": text, "holds": holds})
        if _is_record(content := bundle.get(RECORD)):
            records |= content
    return claims, records


def _is_record(content) -> bool:
    if not isinstance(content, dict) or not all(map(str.isprintable, content)):
        return False
    rows = [v if type(v) is list else [v] for v in content.values() if type(v) is not str]
    return all(isinstance(one, int | float) or one in NOT_FINITE for row in rows for one in row)


def _plain(name: str, value) -> float | int | str | list:
    """Return a number or a row as Python's, with text for what JSON does not know."""
    if isinstance(value, str):
        return value
    array = np.asarray(np.asarray(value).tolist())  # a series may hold its numbers as objects
    if array.dtype.kind not in "biuf" or array.ndim > 1:
        needed = "a number, a string or a row of numbers is needed"
        raise TypeError(f"record({name}=...): {needed}, not {type(value).__name__}")
    row = [one if math.isfinite(one) else str(one) for one in np.atleast_1d(array).tolist()]
    return row if array.ndim else row[0]


def show(bundle: dict) -> None:
    from IPython.display import display

    display(bundle, raw=True)
