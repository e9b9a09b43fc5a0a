"""How does papermill execute a lesson here? It writes whole files, and keeps a bounded text."""

from collections.abc import Callable
from pathlib import Path

import nbformat
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.iorw import LocalHandler, papermill_io
from papermill.log import logger
from traitlets.config import Config

from utils.files import write_file

# What a lesson may print; more than anyone reads, and little enough for a page and for the disk.
MOST_TEXT = 1_000_000


def execute(
    path: Path, changes: dict, folder: Path, progress_bar: dict | bool, sockets: Path
) -> str:
    """Execute a lesson in ``folder``; return an error line if a cell raised, or nothing.

    Args:
        changes: of the lesson's parameters, by name.
        progress_bar: tqdm's options, or False.
        sockets: an empty folder for the files through which the kernel is spoken to.

    Raises:
        OSError: if the executed notebook can't be saved.
        Exception: one of papermill's, nbclient's or zmq's, if the kernel dies.
    """
    # Not through TCP: between the choice of a port and its use a kernel beside this one may take
    # it. A socket that is a file has no such rival.
    connection = {"transport": "ipc", "connection_file": str(sockets / "kernel.json")}
    papermill_engines.register("bounded", _BoundedEngine)
    papermill_io.register(str(folder), _WholeFiles())  # chosen by how a path begins
    try:
        execute_notebook(
            path,
            folder / path.name,
            changes,
            engine_name="bounded",
            kernel_name="python3",
            cwd=folder,
            progress_bar=progress_bar,
            shutdown_kernel="immediate",
            iopub_timeout=60,  # 4 s, the default, is short where many kernels share two cores
            # TensorFlow's C++ lines belong in the log, not among the lesson's outputs.
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
            config=Config(KernelManager=connection),
        )
    except PapermillExecutionError as error:
        return f"In [{error.exec_count}]: {error.ename}: {error.evalue}"
    return ""


class _WholeFiles(LocalHandler):
    """papermill empties the notebook before it writes; a full disk would leave it so."""

    def write(self, buf: str, path: str) -> None:
        write_file(Path(path), buf.encode())


class _BoundedEngine(Engine):
    """papermill's own engine, but for the client."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, start_timeout, **options):
        for name in ("input_path", "stdout_file", "stderr_file"):
            options.pop(name, None)
        options |= {"startup_timeout": start_timeout, "log": logger}
        _save_once_a_cell(nb_man)
        return _BoundedClient(nb_man, kernel_name=kernel_name, **options).execute()


def _save_once_a_cell(manager: NotebookExecutionManager) -> None:
    """Have the notebook saved when a code cell starts, and not at every cell's start and end.

    Each time the whole of it is written, which took two seconds of a run. What a cell has shown
    is saved when the next one starts, as papermill does at the end, and while a long cell runs.
    """
    save = manager.save

    def without_saving(method: Callable) -> Callable:
        def called(*arguments, **options) -> None:
            manager.save = lambda **_: None
            try:
                method(*arguments, **options)
            finally:
                manager.save = save

        return called

    start = without_saving(manager.cell_start)

    def cell_start(cell: nbformat.NotebookNode, *arguments, **options) -> None:
        start(cell, *arguments, **options)
        if cell.cell_type == "code":
            save()

    manager.cell_start = cell_start
    manager.cell_complete = without_saving(manager.cell_complete)


class _BoundedClient(PapermillNotebookClient):
    """Keeps the first MOST_TEXT characters that a lesson prints; outputs other than text stay."""

    printed = 0

    def output(self, outs: list, msg: dict, *rest) -> nbformat.NotebookNode | None:
        if msg["msg_type"] == "stream":
            text, left = msg["content"]["text"], MOST_TEXT - self.printed
            self.printed += len(text)
            if left <= 0:
                return None
            if len(text) > left:
                msg["content"]["text"] = f"{text[:left]}\n[{MOST_TEXT:,} characters are kept]\n"
        return super().output(outs, msg, *rest)
