"""`fit_in_memory` against Keras's own `fit`, and `fit_resumable` against a kill at every place."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.paths import PROJECT
from utils.training import fit_in_memory, fit_resumable


def new_model(**options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]
    )
    options = {"optimizer": keras.optimizers.Nadam(0.05), "metrics": ["accuracy"]} | options
    model.compile(loss="sparse_categorical_crossentropy", **options)
    return model


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(103, 4)).astype("float32")
    return x, x[:, :3].argmax(axis=1)


@pytest.fixture(scope="module")
def validation(data):
    return data[0][:10], data[1][:10]


def same(history, other):
    return list(history) == list(other) and all(
        np.allclose(history[name], other[name], atol=1e-5) for name in history
    )


def test_in_order_it_gives_the_history_and_the_weights_of_fit(data, validation):
    options = {"batch_size": 16, "epochs": 3, "shuffle": False, "validation_data": validation}
    model, reference = new_model(), new_model()
    history = fit_in_memory(model, *data, **options)
    expected = reference.fit(*data, verbose=0, **options)
    assert history.epoch == expected.epoch == [0, 1, 2]
    assert {name: len(values) for name, values in history.history.items()} == dict.fromkeys(
        expected.history, 3
    )
    assert same({n: history.history[n] for n in sorted(history.history)}, expected.history)
    for weight, other in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-5)


def test_shuffled_it_takes_another_order_each_epoch_and_repeats_it_with_the_seed(data):
    first = fit_in_memory(new_model(), *data, batch_size=16, epochs=3).history
    again = fit_in_memory(new_model(), *data, batch_size=16, epochs=3).history
    in_order = fit_in_memory(new_model(), *data, batch_size=16, epochs=3, shuffle=False).history
    assert same(first, again)
    assert not same(first, in_order)


def test_shuffling_keeps_each_example_with_its_target(data):
    history = fit_in_memory(new_model(), *data, batch_size=16, epochs=30).history
    assert history["accuracy"][-1] > 0.9


def test_a_callback_can_stop_it_and_sees_the_figures_of_the_epoch(data, validation):
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=100)
    history = fit_in_memory(
        new_model(), *data, epochs=9, callbacks=[stop], validation_data=validation
    )
    assert history.epoch == [0, 1]
    assert history.model.history is history


def test_inputs_and_targets_may_be_dicts():
    x = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    keras.utils.set_random_seed(1)
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    total = keras.layers.Dense(1, name="total")(keras.layers.Add()([left, right]))
    model = keras.Model({"left": left, "right": right}, {"total": total})
    model.compile("sgd", {"total": "mse"})
    history = fit_in_memory(
        model, {"left": x, "right": x}, {"total": x.sum(1, keepdims=True)}, epochs=20
    ).history
    assert history["loss"][-1] < history["loss"][0]


def test_xla_gives_the_same_history(data, validation):
    options = {"batch_size": 16, "shuffle": False, "validation_data": validation}
    plain = fit_in_memory(new_model(), *data, **options).history
    assert same(plain, fit_in_memory(new_model(), *data, **options, jit_compile=True).history)


def test_verbose_prints_a_line_an_epoch(data, capsys):
    fit_in_memory(new_model(), *data, epochs=2, verbose=2)
    shown = capsys.readouterr().out
    assert "Epoch 2/2" in shown
    assert shown.count("loss: ") == 2
    fit_in_memory(new_model(), *data)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (5, {}, "rows of x and y"),
        (0, {}, "rows of x and y"),
        (103, {"batch_size": 0}, "batch_size=0"),
        (103, {"epochs": 0}, "epochs=0"),
    ],
)
def test_bad_input_is_named(data, rows, options, message):
    x, y = data
    with pytest.raises(ValueError, match=message):
        fit_in_memory(new_model(), x if rows else x[:0], y[:rows], **options)


def test_a_model_that_is_not_compiled_is_refused(data):
    with pytest.raises(ValueError, match=r"compile\(\)"):
        fit_in_memory(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), *data)


AT_MOST = 9  # epochs; the run ends by itself sooner
CHILD = """if True:
    import os, sys
    from pathlib import Path
    import test_training as tests
    folder = Path(sys.argv[1])
    monkeypatch = tests.pytest.MonkeyPatch()
    tests.train(folder, 1, tests.in_the_state(folder, lambda: os._exit(9), monkeypatch, 2))
"""


class Killed(BaseException):
    """In place of a kill."""


def die():
    raise Killed


class At(keras.callbacks.Callback):
    """Calls ``kill`` at the end of the epoch, counted from 0, or of one of its batches."""

    def __init__(self, kill, epoch, batch=None):
        super().__init__()
        self.kill, self.killed_in, self.batch, self.epoch = kill, epoch, batch, 0

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.killed_in, self.batch):
            self.kill()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        if epoch == self.killed_in and self.batch is None:
            self.kill()


def at_the_end(name, folder, kill, monkeypatch, epoch):
    return {name: At(kill, epoch)}


def in_the_epoch(folder, kill, monkeypatch, epoch):
    return {"last": At(kill, epoch, batch=3)}


def in_the_log(folder, kill, monkeypatch, epoch):
    def halve():
        log = folder / "epochs.csv"
        log.write_bytes(log.read_bytes()[:-9])
        kill()

    return {"last": At(halve, epoch)}


def in_the_names(folder, kill, monkeypatch, epoch):
    def halve():
        log = folder / "epochs.csv"
        log.write_bytes(log.read_bytes()[:5])
        kill()

    return {"last": At(halve, epoch)}


def in_the_state(folder, kill, monkeypatch, epoch):
    savez, calls = np.savez, []

    def save_half(file, **arrays):
        savez(file, **arrays)
        calls.append(1)
        if len(calls) > epoch + 1:  # the first is written before the first epoch
            file.truncate(file.tell() // 2)
            file.flush()
            kill()

    monkeypatch.setattr(np, "savez", save_half)
    return {}


def at_the_replacement(replace_first, folder, kill, monkeypatch, epoch):
    replace, calls = Path.replace, []

    def replace_or_die(part, path):
        calls.append(1)
        if len(calls) <= epoch + 1 or replace_first:
            replace(part, path)
        if len(calls) > epoch + 1:
            kill()

    monkeypatch.setattr(Path, "replace", replace_or_die)
    return {}


PLACES = {
    "in the epoch": in_the_epoch,
    "before the log": partial(at_the_end, "first"),
    "in the log's line": in_the_log,
    "in the log's names": in_the_names,
    "after the log": partial(at_the_end, "last"),
    "in the state": in_the_state,
    "before it is replaced": partial(at_the_replacement, False),
    "after it is replaced": partial(at_the_replacement, True),
}


FIRST = (
    "in the epoch",
    "in the log's names",
    "after the log",
    "in the state",
    "after it is replaced",
)
CASES = [(place, 0) for place in FIRST]  # in the first epoch, counted from 0
CASES += [(place, 2) for place in PLACES if place != "in the log's names"]


def batches_from(first_epoch):
    """Batches whose order hangs on the epoch alone."""
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    y = x[:, :3].argmax(axis=1)

    def of(epoch):
        rows = tf.random.experimental.stateless_shuffle(tf.range(40), seed=[0, epoch])
        rows = tf.data.Dataset.from_tensor_slices(rows).batch(8)
        return rows.map(lambda few: (tf.gather(x, few), tf.gather(y, few)))

    return tf.data.Dataset.counter(first_epoch).flat_map(of)


def train(folder, seed, at=None, epochs=AT_MOST, steps=5, at_once=1, **stopping):
    """Train a network with random layers under callbacks that count; return its weights."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
    ]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3, "softmax")])
    optimizer = keras.optimizers.AdamW(0.01)
    eager = {"run_eagerly": True, "steps_per_execution": at_once}
    model.compile(optimizer, "sparse_categorical_crossentropy", **eager)
    watch = {"monitor": "loss", "min_delta": 1000}  # after the first epoch nothing is progress
    best = {"monitor": "loss", "save_best_only": True, "save_weights_only": True}
    at = at or {}
    callbacks = [
        *([at["first"]] if "first" in at else []),
        keras.callbacks.EarlyStopping(patience=4, **watch, **stopping),
        keras.callbacks.ReduceLROnPlateau(patience=2, **watch),
        keras.callbacks.ModelCheckpoint(folder / "{epoch}.weights.h5", **best),
        keras.callbacks.CSVLogger(folder / "epochs.csv", append=True),
        *([at["last"]] if "last" in at else []),
    ]
    files = folder / "state.npz", folder / "epochs.csv"
    options = {"steps_per_epoch": steps, "verbose": 0}
    fit_resumable(model, batches_from, *files, callbacks, epochs, **options)
    return [value.numpy() for value in model.variables + model.optimizer.variables]


def written(folder):
    """The log, the note, and which checkpoints there are."""
    with np.load(folder / "state.npz") as state:
        note = json.loads(str(state["note"]))
    names = sorted(path.name for path in folder.iterdir())
    return (folder / "epochs.csv").read_bytes(), note, names


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return train(folder, 1), *written(folder)


def test_the_run_that_nobody_kills_is_ended_by_its_callbacks(unbroken):
    _, log, note, _ = unbroken
    assert [line.split(b",")[0] for line in log.splitlines()] == [
        b"epoch",
        *b"0 1 2 3 4".split(),
    ]
    assert (note["epochs"], note["over"]) == (5, True)


@pytest.mark.parametrize(("place", "epoch"), CASES)
def test_killed_anywhere_it_ends_with_the_same_bits(place, epoch, unbroken, tmp_path):
    weights, *files = unbroken
    with pytest.raises(Killed), pytest.MonkeyPatch.context() as monkeypatch:
        train(tmp_path, 1, PLACES[place](tmp_path, die, monkeypatch, epoch))
    again = train(tmp_path, 2)  # other random numbers: all must come from the folder
    assert list(written(tmp_path)) == files
    assert all(map(np.array_equal, again, weights))


def test_a_process_that_is_gone_leaves_half_a_state_which_is_removed(unbroken, tmp_path):
    paths = os.pathsep.join([str(Path(__file__).parent), str(PROJECT)])
    command = [sys.executable, "-c", CHILD, tmp_path]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=False)
    assert done.returncode == 9
    assert list(tmp_path.glob(".state.npz.*.part"))
    again = train(tmp_path, 2)
    assert written(tmp_path)[1:] == unbroken[2:]
    assert all(map(np.allclose, again, unbroken[0]))  # other threads may round otherwise


def test_a_complete_run_is_not_trained_further(unbroken, tmp_path):
    weights, *files = unbroken
    train(tmp_path, 1)
    again = train(tmp_path, 2, epochs=AT_MOST + 5)
    assert list(written(tmp_path)) == files
    assert all(map(np.array_equal, again, weights))


def test_a_run_that_had_all_its_epochs_can_get_more(unbroken, tmp_path):
    weights, *files = unbroken
    train(tmp_path, 1, epochs=2)
    again = train(tmp_path, 2)
    assert list(written(tmp_path)) == files
    assert all(map(np.array_equal, again, weights))


def test_what_it_would_not_keep_is_refused(tmp_path):
    with pytest.raises(ValueError, match="ModelCheckpoint"):
        train(tmp_path, 1, restore_best_weights=True)


def test_an_epoch_has_its_steps_alone_or_is_refused(tmp_path):
    with pytest.raises(ValueError, match="steps_per_execution=2 must divide steps_per_epoch=5"):
        train(tmp_path, 1, at_once=2)
    assert not list(tmp_path.iterdir())
    values = train(tmp_path, 1, epochs=2, at_once=5)
    assert [int(one) for one in values if one.ndim == 0 and one.dtype == np.int64] == [10]
