"""What an exercise says to a student's answer: shown to the student, read again by the runner."""

import textwrap
from collections.abc import Callable

import numpy as np

from utils.results import show

EXERCISE = "application/vnd.keras-by-experiment.exercise+json"


def check(number: str, conditions: Callable, *answers) -> None:
    """Show ``✓``, or ``✗`` with all that is wrong, or ``○`` while an answer is ``...``; never raise.

    ``conditions(*answers)`` yields ``(holds, message)``: a plain truth value (Python's, NumPy's, a
    tensor's of shape ``()``), and what to say if it is false. The answers are the student's own:
    it may look at them and call them, and must not change them.
    """
    is_open = any(map(_is_open, answers))
    messages = [] if is_open else _broken(conditions, answers)
    lines = [f"✗ {number}: {message}" for message in messages]
    lines = lines or [f"○ {number}: not attempted yet" if is_open else f"✓ {number}"]
    content = {"number": number, "result": lines[0][0], "messages": messages}
    show({EXERCISE: content, "text/plain": "\n".join(lines)})


def collect_exercises(notebook: dict) -> list[dict]:
    """Return each check's ``number``, ``result``, ``messages``; what is malformed is skipped."""
    found = []
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    for content in (output.get("data", {}).get(EXERCISE) for output in outputs):
        match content:
            case {"number": str(), "result": "✓" | "✗" | "○", "messages": [*_]}:
                found.append(content)
    return found


def _broken(conditions: Callable, answers: tuple) -> list[str]:
    got = ", ".join(f"{type(a).__name__} {getattr(a, 'shape', '')}".strip() for a in answers)
    asked, messages = False, []
    try:
        for holds, message in conditions(*answers):
            asked, value = True, np.asarray(holds)
            if value.dtype != bool or value.shape:  # a model is "true" whatever it holds
                messages.append(f"{message} (your answer: {got})")
            elif not value:
                messages.append(str(message))
    except Exception as error:  # noqa: BLE001 - a student's code may raise anything
        text = f"{type(error).__name__}: {error}"
        text = text.replace("\x1b[1m", "").replace("\x1b[0m", "")  # Keras writes bold
        messages.append(f"your answer ({got}) raised {textwrap.shorten(text, 300)}")
    return messages if asked or messages else ["nothing was checked: this exercise is broken"]


def _is_open(answer) -> bool:
    code, empty = getattr(answer, "__code__", None), (lambda: None).__code__
    nothing = (empty.co_code, empty.co_consts)  # what a function is whose body is ...
    return answer is ... or (code is not None and (code.co_code, code.co_consts) == nothing)
