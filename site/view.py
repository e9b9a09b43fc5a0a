"""A lesson's notebook as its page shows it."""

import json
import re

from launch import start_links
from lesson import CLAIM, TIME, seconds

OWN, EXERCISE = "application/vnd.keras-by-experiment.", CLAIM.replace("claim", "exercise")


def as_shown(text: str, name: str, repository: str | None) -> str:
    """Return the notebook with links to start it, claims as text, and no times below a second."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [one for one in map(_output, cell["outputs"]) if one]
    if links := start_links(name, repository):
        cell = {"cell_type": "markdown", "id": "start-links", "metadata": {}, "source": links}
        notebook["cells"].insert(1, cell)
    return json.dumps(notebook)


def _output(output: dict) -> dict | None:
    if output["output_type"] == "stream":
        text = TIME.sub(_time, "".join(output["text"]))
        return output | {"text": text} if text else None
    data = output.get("data", {})
    plain = {kind: content for kind, content in data.items() if not kind.startswith(OWN)}
    if {CLAIM, EXERCISE} & set(data):
        lines = "".join(data["text/plain"]).splitlines()
        plain = {"text/markdown": "\\\n".join(map(_escape, lines))}
    return output | {"data": plain} if data else output


def _time(line: re.Match) -> str:
    return f"{line[1]}\n" if seconds(line[2]) >= 1 else ""


def _escape(text: str) -> str:
    """Return Markdown that shows a text as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
