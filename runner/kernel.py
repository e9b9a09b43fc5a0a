"""A kernel that starts in half a second with TensorFlow imported: forked, not started anew.

jupyter_client calls what starts a kernel its provisioner
(https://jupyter-client.readthedocs.io/en/stable/provisioning.html). This one needs a process that
has imported TensorFlow and has run nothing with it: no thread may be at work when it is forked.
"""

import multiprocessing
import os
import sys
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "forked-kernel"
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def can_fork() -> bool:
    """Return whether a kernel may be forked here: on Linux, and without the driver of a GPU."""
    return sys.platform == "linux" and not any(map(os.path.exists, GPU_DEVICES))


def fork_kernel(*ours: Connection) -> None:
    """Fork the process that becomes this process's kernel; call it before any thread starts.

    ``ours`` are open here and not for the kernel.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_become_kernel, args=(receiver, (sender, *ours)))
    process.start()
    receiver.close()
    ForkedKernel.forked = (process, sender)
    factory = KernelProvisionerFactory.instance(default_provisioner_name=NAME)
    factory.provisioners[NAME] = EntryPoint(
        NAME, f"{__name__}:ForkedKernel", factory.GROUP_NAME
    )


class ForkedKernel(LocalProvisioner):
    """jupyter_client's own provisioner of local kernels, but for the start of the process."""

    async def launch_kernel(self, cmd: list[str], *, env: dict, **_) -> dict:
        """Start the kernel that ``fork_kernel`` has made; ``cmd`` is ``python -m module ...``."""
        process, sender = self.forked
        # ipykernel would look for it in the environment, but only when it is imported
        parent = f"--IPKernelApp.parent_handle={os.getpid()}"
        sender.send(([*cmd[3:], parent], str(Path.cwd()), env))
        self.process = _Popen(process)
        self.pid = self.pgid = process.pid
        return self.connection_info


class _Popen:
    """A process of multiprocessing with the names of subprocess, which jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, process) -> None:
        self.pid, self.kill, self.terminate = process.pid, process.kill, process.terminate
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _become_kernel(receiver: Connection, others: tuple[Connection, ...]) -> None:
    """Wait for what a kernel needs to know, then be one."""
    os.setsid()  # as jupyter_client starts kernels: Ctrl-C in the terminal does not reach it
    for connection in others:  # so that the end of the parent is the end of the pipe
        connection.close()
    try:
        arguments, folder, environment = receiver.recv()
    except EOFError:
        return
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from ipykernel.kernelapp import launch_new_instance

    sys.argv = [Path(sys.executable).name, *arguments]
    launch_new_instance(argv=arguments)
