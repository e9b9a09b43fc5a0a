"""Each lesson, broken on purpose: a claim must turn ✗ and nbval must fail."""

import os
import subprocess
import sys

import nbformat
import pytest

from utils.paths import NOTEBOOKS, PROJECT

# lesson, the line that is changed, what it is changed to, a claim that can't hold any longer
MUTATIONS = [
    (
        "01_basics",
        "subclass.set_weights(sequential.get_weights())",
        "",
        "From the same weights, the probabilities of the three differ by less than 0.000001",
    ),
    (
        "01_basics",
        "x_test, y_test = data.x_test, data.y_test",
        "x_test, y_test = data.x_test, data.y_test\nnp.random.default_rng(0).shuffle(y_train)",
        "Training brought the validation loss below half of what it was",
    ),
    (
        "02_normalization",
        "return scaler.transform(column).reshape(pixels.shape)",
        "return column.reshape(pixels.shape)",
        "The standardized training pixels have mean 0 and standard deviation 1, within 0.001",
    ),
    (
        "02_normalization",
        "scaler = StandardScaler().fit(x_train.reshape(-1, 1))",
        "scaler = StandardScaler().fit(x_test.reshape(-1, 1))",
        "The scaler's mean and standard deviation are those of the training pixels",
    ),
    (
        "03_callbacks",
        "enough = train(new_model(), [StopAtAccuracy(target_accuracy), OneLine()])",
        "enough = train(new_model(), [OneLine()])",
        "The run ended before its last epoch, at the first that reached the target accuracy",
    ),
    (
        "03_callbacks",
        "train(resumed, [keras.callbacks.BackupAndRestore(backup)], **short)",
        "train(resumed, [], **short)",
        "The backup was deleted at the end",
    ),
    (
        "04_deep_networks",
        '"selu": look_inside(dense_stack(units, "selu", "lecun_normal")),',
        '"selu": look_inside(dense_stack(units, "selu", "random_normal")),',
        "ReLU: every gradient norm is below a hundredth of SELU's smallest",
    ),
    (
        "05_training_methods",
        ".prefetch(tf.data.AUTOTUNE).cache()",
        ".prefetch(tf.data.AUTOTUNE)",
        "With the cache last, the second epoch has the order of the first",
    ),
    (
        "05_training_methods",
        "own.set_weights(new_network().get_weights())",
        "",
        "Loss by loss, the own loop and train_on_batch differ by less than 0.0001",
    ),
    (
        "06_weighting",
        '(reduction="mean_with_sample_weight")',
        "()",
        'With reduction="mean_with_sample_weight" it divides by the sum of the weights',
    ),
    (
        "07_several_inputs_and_outputs",
        "inputs, targets = days(1000, total)",
        "inputs, targets = days(1000, total)\nnp.random.default_rng(0).shuffle(photos[1000:])",
        "The hours are off by less than half as much as the guess",
    ),
    (
        "07_several_inputs_and_outputs",
        '{"sunshine": 1, "class": 100}',
        '{"sunshine": 1, "weather": 100}',
        "The 100 went to the sunshine, not to the weather",
    ),
    (
        "08_image_files",
        '"zeros": "zeros",',
        '"zeros": "he_normal",',
        "From zeros, all weights of both hidden layers are still 0 after the training",
    ),
    (
        "08_image_files",
        "return np.float32(away > away.max() / 2)",
        "return np.float32(away < away.max() / 2)",
        "Centred by mass, at least 4 of 5 are named right",
    ),
    (
        "09_full_pipeline",
        "batches_from(first_epoch, images, labels),",
        "batches_from(0, images, labels),",
        "Cut in the middle, it ends with the same figures, epoch by epoch, within 0.000001",
    ),
    (
        "09_full_pipeline",
        '    "kernel_initializer": "he_normal",\n',
        "",
        "The weights of conv_2 spread as He initialization says, within 10 %",
    ),
]


@pytest.mark.parametrize(
    ("name", "line", "changed", "broken_claim"), MUTATIONS, ids=[row[0] for row in MUTATIONS]
)
def test_a_broken_lesson_fails(name, line, changed, broken_claim, tmp_path):
    lesson = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    (cell,) = [
        cell for cell in lesson.cells if cell.cell_type == "code" and line in cell.source
    ]
    cell.source = cell.source.replace(line, changed)
    nbformat.write(lesson, tmp_path / f"{name}.ipynb")
    # started in another folder, so that this also shows that a lesson runs wherever it lies
    settings = ["-c", PROJECT / "pyproject.toml", "--rootdir", PROJECT, "-p", "conftest"]
    command = [sys.executable, "-m", "pytest", *settings, "--nbval", "-x", "."]
    # without CI: pytest words its explanations differently there
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(PROJECT)
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stdout
    assert "{'holds': True} != {'holds': False}" in result.stdout, result.stdout
    assert broken_claim in result.stdout, result.stdout
