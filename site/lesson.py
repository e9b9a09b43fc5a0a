"""What a lesson's notebook says of itself, read from its cells and stored outputs."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
CLAIM, RECORD = (
    f"application/vnd.keras-by-experiment.{kind}+json" for kind in ("claim", "record")
)
# autotime's line, e.g. "time: 1min 2s (started: 2026-11-27 08:51:38 +00:00)"
TIME = re.compile(
    r"^(time: ([\d.]+ ?[a-zμµ]+(?: [\d.]+ ?[a-zμµ]+)*)) \(started: (\S+) .*\)$\n?", re.MULTILINE
)
SECONDS = {"h": 3600, "min": 60, "s": 1, "ms": 1e-3, "μs": 1e-6, "µs": 1e-6, "ns": 1e-9}
VERSIONS = re.compile(r"^Python ([\d.]+), TensorFlow ([\d.]+), Keras ([\d.]+)", re.MULTILINE)


class Status(NamedTuple):
    """What came of a lesson's run."""

    lesson: str
    status: str
    seconds: float
    kept: int
    made: int
    data: str
    versions: str
    date: str


class Lesson:
    """A lesson's notebook."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.cells = json.loads(path.read_text(encoding="utf-8"))["cells"]

    @property
    def title(self) -> str:
        return self._first[0].lstrip("# ")

    @property
    def summary(self) -> str:
        """What stands between the title and the table."""
        return " ".join(line for line in self._first[1 : self._table] if line)

    @property
    def facts(self) -> dict[str, str]:
        """The first table: minutes, data, what comes before."""
        head, _, values = (_cells(row) for row in self._first[self._table :][:3])
        return dict(zip(head, values, strict=True))

    @property
    def found(self) -> str:
        """What stands below the heading "What you saw", but for the links to other lessons."""
        texts = [text for text in self.texts if text.startswith("## What you saw")]
        lines = [line for text in texts for line in text.splitlines()[1:]]
        return "\n".join(line for line in lines if line.startswith(("- ", "  ")))

    @cached_property
    def texts(self) -> list[str]:
        return [source(cell) for cell in self.cells if cell["cell_type"] == "markdown"]

    @property
    def outputs(self) -> Iterator[dict]:
        return (output for cell in self.cells for output in cell.get("outputs", []))

    @property
    def descriptions(self) -> dict[str, str]:
        """The alternative texts of the pictures, by the names that MyST-NB gives to their files."""
        missing = f"A picture of lesson {self.title}; the text beside it says what it shows."
        found = {}
        for picture in (one for one in self.outputs if "image/png" in one.get("data", {})):
            content = b64decode("".join(picture["data"]["image/png"]))
            text = picture["metadata"].get("image/png", {}).get("alt") or missing
            found[hashlib.sha256(content).hexdigest()] = text
        return found

    @property
    def stored(self) -> Status:
        """What the stored outputs say of the run that they come from."""
        data = [output["data"] for output in self.outputs if "data" in output]
        claims = [bundle[CLAIM]["holds"] for bundle in data if CLAIM in bundle]
        sources = [
            one[RECORD]["data_source"] for one in data if "data_source" in one.get(RECORD, {})
        ]
        text = "".join("".join(one.get("text", "")) for one in self.outputs)
        times = TIME.findall(text)
        versions = VERSIONS.search(text)
        return Status(
            self.name,
            "ok" if all(claims) else "claim failed",
            sum(seconds(time) for _, time, _ in times),
            sum(claims),
            len(claims),
            sources[-1] if sources else "",
            ", ".join(versions.groups()) if versions else "",
            times[0][2] if times else "",
        )

    def define(self, term: str) -> tuple[str, str] | None:
        """Return the first sentence that sets the term in italics, and the heading above it."""
        heading, italic = (
            "",
            re.compile(rf"(?<![\w*])\*{re.escape(term)}\*(?![\w*])", re.IGNORECASE),
        )
        for line in "\n".join(self.texts).splitlines():
            heading = line.lstrip("# ") if re.match("#+ ", line) else heading
            for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", line.removeprefix("- ")):
                if italic.search(sentence):
                    return sentence, heading
        return None

    @property
    def _first(self) -> list[str]:
        return self.texts[0].splitlines()

    @property
    def _table(self) -> int:
        return next(number for number, line in enumerate(self._first) if line.startswith("|"))


def find_lessons() -> list[Lesson]:
    return [Lesson(path) for path in sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def seconds(time: str) -> float:
    """Return autotime's ``1min 2s`` or ``534 ms`` as seconds."""
    return sum(
        float(n) * SECONDS[unit] for n, unit in re.findall(r"([\d.]+) ?([a-zμµ]+)", time)
    )


def slug(heading: str) -> str:
    """Return the anchor of a heading, in the pages and in links to them."""
    return re.sub(r"[^\w-]", "", heading.strip().lower().replace(" ", "-").replace("`", ""))


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
