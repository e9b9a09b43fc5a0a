"""Training that is faster than ``model.fit``, for data that fit into memory, or survives a kill."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from utils.files import whole_file, write_file

COUNTED = "best", "best_epoch", "wait", "stopped_epoch", "cooldown_counter"  # by callbacks


def fit_in_memory(
    model: keras.Model,
    x,
    y,
    batch_size: int = 32,
    epochs: int = 1,
    verbose: int = 0,
    callbacks: list[keras.callbacks.Callback] | None = None,
    validation_data: tuple | None = None,
    shuffle: bool = True,
    jit_compile: bool = False,
) -> keras.callbacks.History:
    """Train a compiled model as ``model.fit`` does, each epoch as one TensorFlow graph.

    ``fit`` returns to Python for each batch. Here a graph takes the batches out of tensors in
    memory and loops over them itself (https://www.tensorflow.org/guide/function#loops). Each step
    is the model's own ``train_step``, so losses, metrics and optimizer are those of ``compile``.

    Args:
        model: compiled.
        x: an array, or a list or dict of arrays, with one row an example.
        y: the targets, in the same form.
        batch_size: examples in a step; the last step of an epoch takes what is left.
        epochs: passes over the examples.
        verbose: 0 prints nothing, 2 a line an epoch.
        callbacks: their methods for batches are not called, those for epochs and for training are.
        validation_data: (x, y) to be measured after each epoch.
        shuffle: whether each epoch takes the examples in a new order.
        jit_compile: whether XLA compiles the training steps (https://openxla.org/xla/tf2xla).
            It helps dense networks; on a CPU it can make convolutions in such a loop many times
            slower, or refuse a layer.

    Returns:
        What ``fit`` returns: ``history`` holds the means over each epoch.

    Raises:
        ValueError: if the model is not compiled (Keras says so), ``x`` and ``y`` have different or
            no rows, or ``batch_size`` or ``epochs`` is below 1.
    """
    if min(batch_size, epochs) < 1:
        raise ValueError(
            f"fit_in_memory: batch_size={batch_size} and epochs={epochs} must be 1 or more"
        )
    train = _epoch(model, model.train_step, (x, y), batch_size, shuffle, jit_compile)
    validate = None
    if validation_data is not None:
        # nothing is learned there: larger batches give the same means, in fewer steps
        validate = _epoch(model, model.test_step, validation_data, max(batch_size, 256))
    # outside the graphs, which can't make variables: those of the metrics and of the optimizer
    model.test_step(tf.nest.map_structure(lambda array: tf.constant(array[:1]), (x, y)))
    model.optimizer.build(model.trainable_variables)

    events = keras.callbacks.CallbackList(
        callbacks, add_history=True, add_progbar=verbose != 0, model=model
    )
    steps = -(-len(tf.nest.flatten(x)[0]) // batch_size)
    events.set_params({"epochs": epochs, "steps": steps, "verbose": verbose})
    model.stop_training = False
    events.on_train_begin()
    for epoch in range(epochs):
        events.on_epoch_begin(epoch)
        logs = train()
        if validate:
            logs |= {f"val_{name}": value for name, value in validate().items()}
        events.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    events.on_train_end(logs)
    return model.history


def _epoch(
    model: keras.Model,
    step: Callable,
    data: tuple,
    batch_size: int,
    shuffle: bool = False,
    jit_compile: bool = False,
) -> Callable[[], dict[str, float]]:
    """Return a function that takes the step with every batch and returns the means."""
    data = tf.nest.map_structure(tf.constant, data)
    step = tf.autograph.experimental.do_not_convert(step)  # as fit does; converting takes long
    lengths = {len(array) for array in tf.nest.flatten(data)}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"fit_in_memory: rows of x and y: {sorted(lengths)}; need as many, not 0"
        )
    (count,) = lengths

    def take(rows):
        step(tf.nest.map_structure(lambda array: tf.gather(array, rows), data))

    @tf.function(jit_compile=True)
    def compiled(order):  # XLA needs batches of one size
        for rows in tf.reshape(order, [-1, batch_size]):
            take(rows)

    @tf.function
    def run():
        order = tf.range(count)
        if shuffle:
            order = tf.random.shuffle(order)
        full = count // batch_size * batch_size if jit_compile else 0
        if full:
            compiled(order[:full])
        for start in tf.range(full, count, batch_size):
            take(order[start : start + batch_size])

    def run_and_measure() -> dict[str, float]:
        model.reset_metrics()
        run()
        return {name: float(value) for name, value in model.get_metrics_result().items()}

    return run_and_measure


def fit_resumable(
    model: keras.Model,
    batches_from: Callable[[int], tf.data.Dataset],
    state: Path,
    log: Path,
    callbacks: list[keras.callbacks.Callback],
    epochs: int,
    **options,
) -> keras.callbacks.History:
    """Train as ``model.fit`` does; killed and called again, go on after the last whole epoch.

    Wherever its process was killed, weights and log end as they would have without the kill, to
    the last bit, if the batches repeat and operations are deterministic (see
    ``utils.session.setup``). A machine that loses power may lose what the disk did not have yet.

    Args:
        batches_from: makes the dataset that begins with the epoch of this number, from 0.
        state: an ``.npz`` file, for ``KeepState``.
        log: what a ``CSVLogger(log, append=True)`` among the callbacks writes.
        callbacks: they write once more what they wrote in an epoch that was cut off.
        epochs: with those of earlier calls.
        options: for ``fit``; ``steps_per_epoch`` if the dataset has no end.

    Raises:
        ValueError: if the model's ``steps_per_execution`` doesn't divide ``steps_per_epoch``.
    """
    steps, at_once = options.get("steps_per_epoch"), model.steps_per_execution
    if steps and steps % at_once:  # Keras would take the next epoch's first batches, too
        raise ValueError(
            f"fit_resumable: steps_per_execution={at_once} must divide steps_per_epoch={steps}"
        )
    for half in state.parent.glob(f".{state.name}.*.part"):  # its process was killed
        half.unlink()
    note = _note(state) if state.exists() else {"epochs": 0, "over": False}
    done = note["epochs"]
    if log.exists():  # it may have a line too many, or half a line; the first has the names
        lines = log.read_bytes().splitlines(keepends=True)
        write_file(log, b"".join(lines[: 1 + done] if done else []))
    options |= {"initial_epoch": done, "epochs": done if note["over"] else max(done, epochs)}
    callbacks = [*callbacks, KeepState(state, callbacks)]
    return model.fit(batches_from(done), callbacks=callbacks, shuffle=False, **options)


class KeepState(keras.callbacks.Callback):
    """Keep all that a training needs to go on in one file, replaced in one step after each epoch.

    It comes last: an epoch is done when the ``others`` are done with it. The file holds the weights,
    the optimizer's variables, the states of random layers, and a note: how many epochs are done,
    whether a callback ended the training, and what the ``others`` count, and forget as it begins.
    It is written before the first epoch, too: a kill in it must not change where the run started.
    """

    def __init__(self, path: Path, others: list[keras.callbacks.Callback]):
        super().__init__()
        if any(getattr(other, "restore_best_weights", False) for other in others):
            raise ValueError("KeepState keeps no best weights: use a ModelCheckpoint for them")
        self.path, self.others = path, [other for other in others if _counts(other)]

    def on_train_begin(self, logs=None):
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = [*self.model.variables, *self.model.optimizer.variables]
        if self.path.exists():
            with np.load(self.path) as kept:
                for place, variable in enumerate(self.variables):
                    variable.assign(kept[str(place)])
            for other, counts in zip(self.others, _note(self.path)["counts"], strict=True):
                vars(other).update(counts)
        else:
            self._keep(0)

    def on_epoch_end(self, epoch, logs=None):
        self._keep(epoch + 1)

    def _keep(self, epochs):
        note = {"epochs": epochs, "over": self.model.stop_training}
        note["counts"] = [_counts(other) for other in self.others]
        values = {str(place): variable.numpy() for place, variable in enumerate(self.variables)}
        with whole_file(self.path) as file:
            np.savez(file, note=json.dumps(note, default=float), **values)


def _counts(callback: keras.callbacks.Callback) -> dict:
    return {name: value for name, value in vars(callback).items() if name in COUNTED}


def _note(path: Path) -> dict:
    with np.load(path) as kept:
        return json.loads(str(kept["note"]))
