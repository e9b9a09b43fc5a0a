"""Is a forked kernel like one that was started anew, only sooner? A run of a tiny lesson tells."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from helpers import one_run

from runner import kernel
from runner.kernel import can_fork
from runner.pool import THREADS

pytestmark = pytest.mark.skipif(not can_fork(), reason="kernels are not forked here")

START = """import os, sys
loaded = "tensorflow" in sys.modules and "keras" in sys.modules
claim("TensorFlow and Keras are there already", loaded)
claim("It leads a session of its own", os.getsid(0) == os.getpid())
claim("It works where the run's files are", os.path.exists("01_tiny.log"))
claim("It has the run's environment", os.environ["TF_NUM_INTRAOP_THREADS"] == "1")
from ipykernel.connect import get_connection_info
claim("A kernel that it starts is none of ours", "JUPYTER_DEFAULT_PROVISIONER_NAME" not in os.environ)
claim("It needs no port", get_connection_info(unpack=True)["transport"] == "ipc")
"""
TRAIN = """from utils.session import setup
setup(7)
import json, keras, numpy
x = numpy.random.rand(256, 20).astype("float32")
layers = [keras.Input((20,)), keras.layers.Dense(30, "relu"), keras.layers.Dense(1)]
model = keras.Sequential(layers)
model.compile("adam", "mse")
loss = model.fit(x, x.sum(axis=1), epochs=3, verbose=0).history["loss"]
"""
PICTURE = """import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What came out of a run of START, TRAIN and PICTURE with one thread."""
    folder = tmp_path_factory.mktemp("forked")
    record = "record(loss=loss, data_source='stand-in')"
    return one_run(folder, [START, TRAIN + record, PICTURE], **dict.fromkeys(THREADS, "1"))


def test_it_starts_with_tensorflow_and_otherwise_like_any_kernel(run):
    assert (run.status, run.error) == ("ok", "")
    assert [claim["text"] for claim in run.claims if not claim["holds"]] == []
    assert len(run.claims) == 6


def test_it_trains_to_the_numbers_of_a_process_of_its_own(run):
    code = TRAIN + "print(json.dumps(loss))"
    environment = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    assert run.records["loss"] == json.loads(done.stdout.splitlines()[-1])


def test_it_draws_into_the_notebook_and_greets_nowhere(run):
    notebook = nbformat.read(run.notebook, as_version=4)
    outputs = [output for cell in notebook.cells[1:] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    (printed,) = [output for output in outputs if output.output_type == "stream"]
    assert printed.name == "stdout"
    assert printed.text.startswith("Python 3.")  # what setup() says; no word before it
    assert "oneDNN" not in run.notebook.with_suffix(".log").read_text()


def test_a_driver_without_the_libraries_for_it_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(kernel, "OTHER_GPUS", [tmp_path])
    monkeypatch.setattr(kernel, "find_spec", lambda name: None)
    for library, found in ((None, False), ("libcudnn.so.9", True)):
        monkeypatch.setattr(kernel, "find_library", lambda name, library=library: library)
        assert bool(kernel.gpus()) == found
