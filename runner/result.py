"""What is a run, and what came of it? The answer is kept in its folder, as ``result.json``."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from utils.files import write_file

Value = int | float | str | bool
RESULT = "result.json"


class Status(StrEnum):
    """What became of a run, in one word or two."""

    OK = "ok"
    CLAIM_FAILED = "claim failed"
    INCOMPLETE = "incomplete"
    CELL_RAISED = "cell raised"
    KERNEL_DIED = "kernel died"
    WORKER_DIED = "worker died"
    NOT_SAVED = "not saved"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"


FINISHED = {Status.OK, Status.CLAIM_FAILED}  # measured: another run would measure the same


@dataclass
class Run:
    """A lesson, its values, a folder; and what came of it."""

    lesson: str
    title: str
    source: Path  # executed and never written to
    folder: Path
    values: dict[str, Value]  # of all parameters
    changes: dict[str, Value]  # those of values that are not the lesson's own
    status: Status = Status.NOT_RUN
    seconds: float = 0.0
    error: str = ""  # one line
    claims: list[dict] = field(default_factory=list)  # {"text": str, "holds": bool}
    # numbers, texts, and curves: rows of numbers, one an epoch
    records: dict[str, Value | list] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def notebook(self) -> Path:
        """The executed notebook; its page lies beside it."""
        return self.folder / self.source.name

    @property
    def point(self) -> tuple:
        """What runs that differ in nothing but the seed have in common."""
        return self.lesson, *sorted(item for item in self.values.items() if item[0] != "seed")

    @property
    def problems(self) -> list[str]:
        """The error, if any, and the claims that did not hold."""
        failed = [f"✗ {claim['text']}" for claim in self.claims if not claim["holds"]]
        return [text for text in [self.error, *failed] if text]

    @property
    def singles(self) -> dict[str, Value]:
        """The records that are one value each, but for the data source."""
        others = {"data_source", *self.curves}
        return {name: v for name, v in self.records.items() if name not in others}

    @property
    def curves(self) -> dict[str, list]:
        return {name: row for name, row in self.records.items() if isinstance(row, list)}

    @property
    def kept(self) -> str:
        """The claims that hold, of all that were made: ``26/27``."""
        return f"{sum(claim['holds'] for claim in self.claims)}/{len(self.claims)}"


def save(run: Run) -> None:
    """Keep the run beside its notebook, a power cut later too; raises OSError."""
    content = {name: v for name, v in asdict(run).items() if name not in ("source", "folder")}
    write_file(run.folder / RESULT, as_json(content))
    settle(run.folder / RESULT, run.notebook)


def settle(*paths: Path) -> None:
    """Wait until the files, where they exist, are on the disk; raises OSError."""
    for path in filter(Path.exists, paths):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def load(folder: Path) -> Run | None:
    """Return the run that was kept in ``folder``, if there is a whole one."""
    try:
        content = json.loads((folder / RESULT).read_bytes())
        content["status"] = Status(content["status"])
        return Run(source=folder / f"{content['lesson']}.ipynb", folder=folder, **content)
    except (OSError, ValueError, LookupError, TypeError):  # another version's, say
        return None


def by_point(runs: Iterable[Run]) -> list[list[Run]]:
    """Return the runs of each point, the points in the order of their first runs."""
    points = {}
    for run in runs:
        points.setdefault(run.point, []).append(run)
    return list(points.values())


def measured(runs: Iterable[Run], record: str) -> list[float]:
    """Return what the finished runs measured as ``record``, where it is a number that can be drawn."""
    found = [run.singles.get(record) for run in runs if run.status in FINISHED]
    return [v for v in found if type(v) in (int, float) and abs(v) < 1e300]


def spread(numbers: list[float]) -> tuple[float, float | None]:
    """Return mean and standard deviation (of a sample), which one number alone does not have."""
    from statistics import fmean, stdev  # not at the top: `course list` would wait for it

    return fmean(numbers), stdev(numbers) if len(numbers) > 1 else None


def in_words(values: dict[str, Value]) -> str:
    """Return ``depth=5 activation=relu``, or what stands for a run that changes nothing."""
    from utils.results import in_short  # not at the top: `course list` needs no NumPy

    return " ".join(f"{n}={in_short(v)}" for n, v in values.items()) or "(nothing changed)"


def count_words(runs: list[Run]) -> str:
    """Return ``3 ok, 1 time limit``."""
    found = [run.status for run in runs]
    return ", ".join(f"{found.count(status)} {status}" for status in Status if status in found)


def exit_code(runs: list[Run], good: Iterable[Status] = (Status.OK,)) -> int:
    """Return 0 if every run is ``good``, 130 (as shells do) if some were interrupted, else 1."""
    found = {run.status for run in runs}
    if found & {Status.INTERRUPTED, Status.NOT_RUN}:
        return 130
    return 0 if found.issubset(good) else 1


def one_line(text: str, longest: int = 300) -> str:
    """Join the lines of a text and cut it at so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def as_json(content) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode(errors="replace")
