import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from utils.session import _choose_device, setup


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "42", True])
def test_a_seed_out_of_range_is_refused_before_anything_starts(seed):
    with pytest.raises(ValueError, match="the seed is a whole number from 0 to 4294967295"):
        setup(seed)


@pytest.mark.parametrize("limit", [0, -1, "512", 0.5])
def test_a_memory_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match="1 MiB or more"):
        setup(1, gpu_memory_limit=limit)


SESSION = """
import sys
from types import SimpleNamespace
from utils.session import setup
setup({seed})
import json, os, random
import keras, numpy
from tensorflow.python.framework import config
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
print(json.dumps({{
    "random": random.random(), "numpy": float(numpy.random.rand()), "weights": model.get_weights()[0].tolist(),
    "onednn": os.environ["TF_ENABLE_ONEDNN_OPTS"],
    "deterministic": config.is_op_determinism_enabled(),
}}))
"""


def run(seed):
    command = [sys.executable, "-c", SESSION.format(seed=seed)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    greeting, *rest = result.stdout.splitlines()
    return greeting, json.loads(rest[-1]), result.stderr


def test_the_same_seed_gives_the_same_numbers_in_a_quiet_session():
    greeting, first, noise = run(7)
    _, again, _ = run(7)
    _, other, _ = run(8)
    assert first == again
    assert first["weights"] != other["weights"]
    assert first["random"] != other["random"]
    assert first["numpy"] != other["numpy"]
    assert first["onednn"] == "1"
    assert first["deterministic"] is True
    assert "seed 7" in greeting
    assert "Keras 3" in greeting
    assert noise == ""


FIRST = SimpleNamespace(name="GPU 0")


class StubTensorFlow:
    """TensorFlow with two GPUs that were set up before, or not."""

    def __init__(self, error=None):
        self.calls, self.error, self.config = [], error, self
        self.experimental = self

    def list_physical_devices(self, kind):
        return [FIRST, "GPU 1"]

    def set_visible_devices(self, *arguments):
        self.calls.append(("visible", *arguments))

    def set_memory_growth(self, *arguments):
        self.calls.append(("growth", *arguments))
        if self.error:
            raise self.error

    def set_logical_device_configuration(self, *arguments):
        self.calls.append(("limit", *arguments))

    def LogicalDeviceConfiguration(self, memory_limit):  # noqa: N802 - TensorFlow's name
        return memory_limit

    def get_device_details(self, gpu):
        return {"device_name": "Stub"}


def test_only_the_first_gpu_is_shown_and_its_memory_grows():
    tensorflow = StubTensorFlow()
    assert _choose_device(tensorflow, None) == "GPU Stub"
    assert tensorflow.calls == [("visible", FIRST, "GPU"), ("growth", FIRST, True)]


def test_a_memory_limit_takes_the_place_of_growth():
    tensorflow = StubTensorFlow()
    assert _choose_device(tensorflow, 512) == "GPU Stub"
    assert tensorflow.calls == [("visible", FIRST, "GPU"), ("limit", FIRST, [512])]


@pytest.mark.parametrize("error", [RuntimeError("initialized"), ValueError("virtual devices")])
def test_a_second_setup_leaves_the_gpu_as_it_is(error):
    assert _choose_device(StubTensorFlow(error), None) == "GPU as set up before"
