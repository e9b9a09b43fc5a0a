"""How does papermill execute a lesson here? It writes whole files, and keeps a bounded text."""

from pathlib import Path

import nbformat
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.iorw import LocalHandler, papermill_io
from papermill.log import logger

from utils.files import write_file

# What a lesson may print; more than anyone reads, and little enough for a page and for the disk.
MOST_TEXT = 1_000_000


def execute(path: Path, changes: dict, folder: Path, progress_bar: dict | bool) -> str:
    """Execute a lesson in ``folder``; return an error line if a cell raised, or nothing.

    Raises:
        OSError: if the executed notebook can't be saved.
        Exception: one of papermill's, nbclient's or zmq's, if the kernel dies.
    """
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
        return _BoundedClient(nb_man, kernel_name=kernel_name, **options).execute()


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
