"""Lets `pytest --nbval` be started from any folder, and two processes of tests work side by side."""

import os
import shutil
import tempfile
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import pytest

# files whose tests share what took long to make, beside the notebooks
WHOLE = ("course_run", "kernel", "stand_ins", "training", "trouble")


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a process of pytest-xdist: a core for each
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
        _fork_kernels()
    # nbval takes the path of the sanitize file from the working directory; pyproject.toml gives it from the root
    sanitize_file = config.getoption("nbval_sanitize_with", None)
    if sanitize_file:
        config.option.nbval_sanitize_with = str(Path(config.rootpath) / sanitize_file)
    # The kernels of nbval are killed at the end: what TensorFlow left for later is removed here.
    temporary = tempfile.mkdtemp(prefix="tests-")
    os.environ["TMPDIR"] = temporary
    config.add_cleanup(lambda: shutil.rmtree(temporary, ignore_errors=True))


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's; its groups are lost under pytest 9.2
def pytest_xdist_make_scheduler(config, log):
    """Hand out test by test, largest pieces first, so that the processes end together."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = Path(nodeid.partition("::")[0])
            whole = path.suffix == ".ipynb" or path.stem.removeprefix("test_") in WHOLE
            return str(path) if whole else nodeid

    return Scheduler(config, log)


def _fork_kernels():
    """Have nbval's kernels forked with TensorFlow imported, as those of runs are, where they can be."""
    from jupyter_client.provisioning import LocalProvisioner
    from nbval import kernel

    from runner.kernel import _become_kernel, can_fork
    from runner.process import _fork_server

    plainly, manager = LocalProvisioner.launch_kernel, kernel.KernelManager

    def manager_of_files(**options):
        """Not through TCP: between its choice and its use the other process's kernel may take a port."""
        file = Path(tempfile.mkdtemp(dir=os.environ["TMPDIR"]), "k.json")
        return manager(transport="ipc", connection_file=str(file), **options)

    kernel.KernelManager = manager_of_files

    async def launch_kernel(self, cmd, *, env, cwd=None, **options):
        if not isinstance(self.parent.kernel_spec_manager, kernel.NbvalKernelspecManager):
            return await plainly(self, cmd, env=env, cwd=cwd, **options)
        receiver, sender = Pipe(duplex=False)
        one = _fork_server().Process(target=_become_kernel, args=(receiver,))
        one.start()
        sender.send((cmd[3:], str(cwd or Path.cwd()), env))
        # what jupyter_client asks of a subprocess
        self.process = SimpleNamespace(
            pid=one.pid,
            poll=lambda: one.exitcode,
            wait=one.join,
            kill=one.kill,
            terminate=one.terminate,
            send_signal=lambda number: os.kill(one.pid, number),
            stdin=None,
            stdout=None,
            stderr=None,
        )
        self.pid = self.pgid = one.pid
        return self.connection_info

    if can_fork():
        LocalProvisioner.launch_kernel = launch_kernel
