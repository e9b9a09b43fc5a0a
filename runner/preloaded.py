"""Imported by the process from which runs are forked: what each of them would wait for."""

import contextlib
import gc
import os
import signal
from importlib import import_module

# Ctrl-C goes to this process, too, and is answered by the one that started it.
signal.signal(signal.SIGINT, signal.SIG_IGN)

import_module("runner.quick_nbformat")  # first: papermill's own import of nbformat is slow
import_module("runner.engine")
import_module("tqdm.auto")  # before ipykernel, which it takes for a notebook
if import_module("runner.kernel").can_fork():
    # A process should have one thread when it is forked; these libraries start theirs when
    # they are imported.
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    given = {name: os.environ[name] for name in threads if name in os.environ}
    os.environ |= dict.fromkeys(threads, "1")
    # as ipykernel sets it: Keras imports Matplotlib, which reads it then
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # A lesson that imports what is broken here tells of it; one that does not need it can run.
    with contextlib.suppress(Exception):
        import_module("utils.session").load_tensorflow()
    import_module("ipykernel.kernelapp")
    for name in threads:
        del os.environ[name]
    os.environ |= given
gc.freeze()  # the collector need not look at all this again, in any run
