"""A kernel that starts in half a second with TensorFlow imported: forked, not started anew.

What starts a kernel is its provisioner
(https://jupyter-client.readthedocs.io/en/stable/provisioning.html); pyproject.toml registers this
one. It needs a process that has imported TensorFlow and run nothing: no thread may be at work.
"""

import multiprocessing
import os
import sys
import tempfile
from ctypes.util import find_library
from importlib.util import find_spec
from multiprocessing.context import ForkProcess
from pathlib import Path

from jupyter_client.provisioning import LocalProvisioner

CHOICE = "JUPYTER_DEFAULT_PROVISIONER_NAME"  # jupyter_client's name for it
OTHER_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # there, but not to be counted


def gpus() -> list[str]:
    """Return the GPUs that runs may use, each by the number that CUDA_VISIBLE_DEVICES gives it.

    That variable, if it is set, is believed. A driver without the libraries that TensorFlow needs
    for its GPUs does not count.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip() not in ("", "-1")]
    count = len(list(Path("/dev").glob("nvidia[0-9]*"))) or any(map(os.path.exists, OTHER_GPUS))
    found = find_spec("nvidia") and find_spec("nvidia.cudnn")  # tensorflow[and-cuda] brings it
    if count and (found or find_library("cudnn") or find_library("amdhip64")):
        return [str(number) for number in range(count)]
    return []


def can_fork() -> bool:
    """Return whether a kernel may be forked: on Linux, without a GPU, if COURSE_FORK is not no."""
    return sys.platform == "linux" and os.environ.get("COURSE_FORK") != "no" and not gpus()


def fork_kernel(*ours) -> None:
    """Fork this process's kernel, before any thread starts; ``ours`` are closed in the kernel."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = _Process(target=_become_kernel, args=(receiver, sender, *ours))
    process.start()
    receiver.close()
    ForkedKernel.forked = (process, sender)
    os.environ[CHOICE] = "forked-kernel"


class ForkedKernel(LocalProvisioner):
    """jupyter_client's own provisioner of local kernels, but for the start of the process."""

    async def launch_kernel(self, cmd: list[str], *, env: dict, **_) -> dict:
        """Start the kernel that ``fork_kernel`` has made; ``cmd`` is ``python -m module ...``."""
        self.process, sender = self.forked
        env.pop(CHOICE)  # a kernel that the lesson starts is none of ours
        # ipykernel would look for it in the environment, but only when it is imported
        parent = f"--IPKernelApp.parent_handle={os.getpid()}"
        sender.send(([*cmd[3:], parent], str(Path.cwd()), env))
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class _Process(ForkProcess):
    """A process of multiprocessing with the names of subprocess, which jupyter_client uses."""

    stdin = stdout = stderr = None
    wait = ForkProcess.join

    def poll(self) -> int | None:
        return self.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _become_kernel(receiver, *others) -> None:
    """Wait for what a kernel needs to know, then be one."""
    os.setsid()  # as jupyter_client starts kernels: Ctrl-C in the terminal does not reach it
    for other in others:  # so that the end of the parent is the end of the pipe
        other.close()
    try:
        arguments, folder, environment = receiver.recv()
    except EOFError:
        return
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # to be looked up in this environment
    os.chdir(folder)
    from ipykernel.kernelapp import launch_new_instance

    sys.argv = [Path(sys.executable).name, *arguments]
    launch_new_instance(argv=arguments)
