"""What a lesson asserts and what it measures: shown to the reader, read again by the runner."""

import math
import numbers

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


def record(**values: float | str) -> None:
    """Show measured values by name and store them in full precision.

    Raises:
        TypeError: if a value is neither a number nor a string.
    """
    plain = {name: _plain(name, value) for name, value in values.items()}
    lines = [
        f"{name} = {v:.4g}" if isinstance(v, float) else f"{name} = {v}"
        for name, v in plain.items()
    ]
    _show({RECORD: plain, "text/plain": "\n".join(lines)})


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


def _plain(name: str, value) -> float | int | str:
    """Turn a NumPy number into Python's; JSON knows no NaN and no infinity, so these become text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        value = float(value)
        return value if math.isfinite(value) else str(value)
    raise TypeError(
        f"record({name}=...): a number or a string is needed, not {type(value).__name__}"
    )


def _show(bundle: dict) -> None:
    from IPython.display import display

    display(bundle, raw=True)
