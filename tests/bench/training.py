"""How much faster is ``fit_in_memory`` than ``fit``? ``make bench`` measures it, side by side."""

import time
from collections.abc import Callable
from functools import partial

from utils.data import load
from utils.session import setup

SEED, BATCH_SIZE, ROUNDS = 2026, 32, 3


def main() -> None:
    """Train two networks of the lessons in several ways and print a table of both.

    The seconds are the shortest of several rounds: the least disturbed by what else is running.
    """
    setup(SEED)
    print(
        f"{'network':22s} {'way':24s} {'seconds':>7s} {'times':>6s} {'validation accuracy':>20s}"
    )
    _measure("lesson 01, dense", *_garments(), epochs=2, xla=True)
    # more epochs: one has 250 steps only, and the tracing before the first would hide their speed;
    # not XLA: it has no deterministic gradient of max pooling
    _measure("lesson 05, Conv1D", *_newswires(), epochs=5, xla=False)


def _measure(
    name: str,
    new_model: Callable,
    training: tuple,
    validation: tuple,
    *,
    epochs: int,
    xla: bool,
) -> None:
    import keras

    from utils.training import fit_in_memory

    ways = [
        ("fit", {}, keras.Model.fit),
        ("fit, 50 steps at once", {"steps_per_execution": 50}, keras.Model.fit),
        ("fit_in_memory", {}, fit_in_memory),
    ]
    if xla:
        ways.append(("fit_in_memory, XLA", {}, partial(fit_in_memory, jit_compile=True)))
    seconds = {way: [] for way, _, _ in ways}
    accuracy = {}
    for _ in range(ROUNDS):  # the ways by turns: what slows the machine for a while slows all
        for way, compile_options, train in ways:
            keras.utils.set_random_seed(SEED)
            model = new_model(**compile_options)
            options = {"batch_size": BATCH_SIZE, "epochs": epochs, "verbose": 0}
            start = time.perf_counter()
            history = train(model, *training, validation_data=validation, **options)
            seconds[way].append(time.perf_counter() - start)
            accuracy[way] = history.history["val_accuracy"][-1]
    of_fit = min(seconds["fit"])
    for way, measured in seconds.items():
        best = min(measured)
        print(f"{name:22s} {way:24s} {best:7.1f} {of_fit / best:6.2f} {accuracy[way]:20.3f}")


def _garments() -> tuple[Callable, tuple, tuple]:
    import keras

    data = load("fashion_mnist")

    def new_model(**options):
        model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten()])
        for units in (300, 100):
            model.add(keras.layers.Dense(units, activation="sigmoid"))
        model.add(keras.layers.Dense(10, activation="softmax"))
        return _compiled(model, keras.optimizers.SGD(0.01), **options)

    # on raw pixels XLA's other rounding alone can move the accuracy by 0.01
    pixels = data.x_train[5000:]
    x = ((data.x_train - pixels.mean()) / pixels.std()).astype("float32")
    return new_model, *_split(x, data.y_train, 5000)


def _newswires() -> tuple[Callable, tuple, tuple]:
    import keras

    data = load("reuters")
    x = keras.utils.pad_sequences(data.x_train, maxlen=300)

    def new_model(**options):
        model = keras.Sequential([keras.Input((300,), dtype="int32")])
        model.add(keras.layers.Embedding(len(data.words) + 4, 7))
        for filters, width in ((64, 5), (32, 3)):
            model.add(keras.layers.Conv1D(filters, width, activation="relu"))
            model.add(keras.layers.MaxPooling1D(2))
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(46, activation="softmax"))
        return _compiled(model, keras.optimizers.Nadam(), **options)

    return new_model, *_split(x, data.y_train, 1000)


def _split(x, y, count: int) -> tuple[tuple, tuple]:
    return (x[count:], y[count:]), (x[:count], y[:count])


def _compiled(model, optimizer, **options):
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss=loss, metrics=["accuracy"], **options)
    return model


if __name__ == "__main__":
    main()
