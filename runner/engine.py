"""How does papermill execute a lesson here? Whole files, a bounded text, one save a cell."""

from pathlib import Path

from papermill import PapermillExecutionError, execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.iorw import LocalHandler, papermill_io
from traitlets.config import Config

from runner.result import Run
from utils.files import write_file

# What a cell may print; more than anyone reads, and little enough for a page and for the disk.
MOST_TEXT = 1_000_000


def execute_lesson(run: Run, progress_bar: dict | bool, private: Path) -> str:
    """Execute the run's lesson in its folder; return an error line if a cell raised, or nothing.

    ``progress_bar``: tqdm's options, or False. ``private``: a folder for the files through which
    the kernel is spoken to. Raises OSError if the executed notebook can't be saved, and an
    exception of papermill, nbclient or zmq if the kernel dies.
    """
    papermill_engines.register("course", _Engine)
    papermill_io.register(str(run.folder), _WholeFiles())  # chosen by how a path begins
    # Not through TCP: between the choice of a port and its use a kernel beside this one may take
    # it. A socket that is a file has no such rival.
    connection = {"transport": "ipc", "connection_file": str(private / "k.json")}
    # TensorFlow's C++ lines belong in the log, not among the lesson's outputs.
    kernel = {"extra_arguments": ["--IPKernelApp.capture_fd_output=False"]}
    # 4 s, the default, is short where many kernels share two cores
    kernel |= {"kernel_name": "python3", "iopub_timeout": 60, "shutdown_kernel": "immediate"}
    here = {"engine_name": "course", "cwd": run.folder, "progress_bar": progress_bar}
    options = kernel | here | {"config": Config(KernelManager=connection)}
    # papermill fills in what stands in single braces
    paths = [str(p).replace("{", "{{").replace("}", "}}") for p in (run.source, run.notebook)]
    try:
        execute_notebook(*paths, run.changes, **options)
    except PapermillExecutionError as error:
        return f"In [{error.exec_count}]: {error.ename}: {error.evalue}"
    return ""


class _WholeFiles(LocalHandler):
    """papermill empties the notebook before it writes; a full disk would leave it so."""

    def write(self, buf: str, path: str) -> None:
        write_file(Path(path), buf.encode())


class _Engine(NBClientEngine):
    """papermill's own, but it saves at the start of code cells, in a long one by time, at the end.

    papermill writes the whole notebook at each cell's start and end: two seconds of a run.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man, *arguments, **options):
        save = nb_man.save

        def save_at_work(**_) -> None:
            code = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
            for cell in code:
                _cut_text([one for one in cell.outputs if one.output_type == "stream"])
            if nb_man.end_time or nb_man.RUNNING in [c.metadata.papermill.status for c in code]:
                save()

        nb_man.save = save_at_work
        return super().execute_managed_notebook(nb_man, *arguments, **options)


def _cut_text(streams: list) -> None:
    """Cut what a cell has printed, which comes in pieces, after MOST_TEXT characters."""
    left = MOST_TEXT
    for output in streams:
        if len(output.text) > left:
            note = f"\n[{MOST_TEXT:,} characters are kept]\n" if left else ""
            output.text = output.text[:left] + note
        left = max(0, left - len(output.text))
