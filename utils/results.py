"""What a lesson asserts and what it measures: shown to the reader, read again by the runner."""

import math
import numbers
from collections.abc import Sequence

import numpy as np

CLAIM = "application/vnd.keras-by-experiment.claim+json"
RECORD = "application/vnd.keras-by-experiment.record+json"


def claim(text: str, holds: bool) -> None:
    """Show ``✓ text`` when ``holds`` is true and ``✗ text`` when it is not.

    It never raises, so that a broken claim does not hide the rest of the lesson. Anything but a
    plain truth value counts as broken: a list or a model is "true" in Python whatever it holds,
    and such a claim could not fail.
    """
    kept = isinstance(holds, bool | np.bool_) and bool(holds)
    _show(
        {CLAIM: {"text": text, "holds": kept}, "text/plain": f"{'✓' if kept else '✗'} {text}"}
    )


def record(**values: float | str | Sequence[float]) -> None:
    """Show measured values by name and store them in full precision.

    A value may be a curve, too: numbers in a row, one for each epoch.

    Raises:
        TypeError: if a value is neither a number, nor a string, nor a row of numbers.
    """
    plain = {name: _plain(name, value) for name, value in values.items()}
    lines = [f"{name} = {in_short(value)}" for name, value in plain.items()]
    _show({RECORD: plain, "text/plain": "\n".join(lines)})


def in_short(value: float | str | list) -> str:
    """Return a value as text, what is no whole number with four digits."""
    if isinstance(value, list):
        return " ".join(map(in_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def collect(notebook) -> tuple[list[dict], dict]:
    """Return the claims (``text``, ``holds``) and the records of an executed notebook, in order."""
    claims, records = [], {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if CLAIM in data:
                claims.append(dict(data[CLAIM]))
            records |= data.get(RECORD, {})
    return claims, records


def _plain(name: str, value) -> float | int | str | list:
    """Turn the numbers and rows of NumPy and pandas into Python's."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, str):
        return plain
    row = plain if isinstance(plain, list | tuple) else [plain]
    row = [one.item() if isinstance(one, np.generic) else one for one in row]
    if not all(isinstance(one, numbers.Real) for one in row):
        raise TypeError(
            f"record({name}=...): a number, a string or a row of numbers is needed, "
            f"not {type(value).__name__}"
        )
    row = [_number(one) for one in row]
    return row if isinstance(plain, list | tuple) else row[0]


def _number(value: numbers.Real) -> float | int | str:
    """Return a bool, an int or a float; JSON knows no NaN and no infinity, so these become text."""
    if isinstance(value, numbers.Integral):
        return value if isinstance(value, bool) else int(value)
    value = float(value)
    return value if math.isfinite(value) else str(value)


def _show(bundle: dict) -> None:
    from IPython.display import display

    display(bundle, raw=True)
