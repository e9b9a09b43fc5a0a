"""A run for TensorBoard's HParams page: ``tensorboard --logdir runs/<time>``."""

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from runner.result import Run, in_words


def write_hparams(run: Run) -> None:
    """Write the run's values, its curves, and those of its records that are numbers.

    Runs that differ in nothing but the seed form one group, of which TensorBoard shows the mean.
    """
    values = {name: value for name, value in run.values.items() if name != "seed"}
    numbers = {name: [v] for name, v in run.singles.items() if type(v) in (int, float)}
    tf.config.set_visible_devices([], "GPU")
    with tf.summary.create_file_writer(str(run.folder)).as_default():
        hparams.hparams(values, trial_id=in_words(values))
        for name, row in (numbers | run.curves).items():
            for epoch, value in enumerate(row, start=1):
                tf.summary.scalar(name, float(value), step=epoch)
