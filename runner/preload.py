"""What each run would wait for: imported once by the process from which runs are forked."""

import contextlib
import gc
import os
import signal
import sys
from importlib import import_module


def preload() -> None:
    """Import papermill and, where kernels are forked, all that a kernel needs."""
    # Ctrl-C in the terminal comes here and to the runs' processes, too: the command answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.pop("PYTHONSAFEPATH", None)  # meant for this process, not for a lesson's own
    # jsonschema looks for a grammar that takes two seconds to build and checks addresses in other
    # alphabets, which no notebook's schema has. None in this place means: not installed.
    sys.modules["rfc3987_syntax"] = None
    import_module("nbformat")
    del sys.modules["rfc3987_syntax"]
    import_module("runner.engine")
    with contextlib.suppress(Exception):  # no page then, but runs
        import_module("nbconvert")
    import_module("tqdm.auto")  # before ipykernel, which it takes for a notebook
    if import_module("runner.kernel").can_fork():
        _load_a_kernels_modules()
    gc.freeze()  # the collector need not look at all this again, in any run


def _load_a_kernels_modules() -> None:
    # A process should have one thread when it is forked, and OpenBLAS, in NumPy, starts some more
    # when it is imported. The kernels keep the one that it has here.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # as ipykernel sets it: Keras imports Matplotlib, which reads it then
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # A lesson that imports what is broken here tells of it; one that does not need it can run.
    with contextlib.suppress(Exception):
        import_module("utils.session").load_tensorflow()
    import_module("ipykernel.kernelapp")


# The fork server imports this module to have it all loaded, also if it is started again.
if any("multiprocessing.forkserver" in argument for argument in sys.orig_argv):
    preload()
