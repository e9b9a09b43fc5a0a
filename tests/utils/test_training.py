"""`fit_in_memory` against Keras's own `fit`: the same computation, told in the same way."""

import keras
import numpy as np
import pytest

from utils.training import fit_in_memory


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
    with pytest.raises(ValueError, match="compiled"):
        fit_in_memory(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), *data)
