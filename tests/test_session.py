import json
import subprocess
import sys

import pytest

from utils.session import setup


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "42", True])
def test_a_seed_out_of_range_is_refused_before_anything_starts(seed):
    with pytest.raises(ValueError, match="the seed is a whole number from 0 to 4294967295"):
        setup(seed)


def test_a_memory_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="1 MiB or more"):
        setup(1, gpu_memory_limit=0)


SESSION = """
import sys
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
