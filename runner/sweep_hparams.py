"""A run for TensorBoard's HParams page: ``tensorboard --logdir runs/<time>``."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

from runner.report import Result
from utils.files import write_file

EVENTS = "events.out.tfevents.hparams"  # TensorBoard reads what has "tfevents" in its name


def write_hparams(result: Result, folder: Path) -> None:
    """Write the run's parameters, its curves, and those of its figures that are numbers.

    Raises OSError where the folder refuses.

    Runs that differ in nothing but the seed form one group, of which TensorBoard shows the mean.
    """
    # these modules, unlike TensorBoard's public ones, do without TensorFlow's five seconds
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    values = {name: parameter.default for name, parameter in result.lesson.parameters.items()}
    values = {name: v for name, v in (values | result.changes).items() if name != "seed"}
    figures = Summary()
    for name in result.figures:
        if type(result.records[name]) in (int, float):
            figures.value.add(tag=name, simple_value=result.records[name])
    group = " ".join(f"{name}={value}" for name, value in values.items())
    file = io.BytesIO()
    records = RecordWriter(file)
    for event in (
        Event(file_version="brain.Event:2"),
        Event(summary=hparams_pb(values, trial_id=group)),
        Event(summary=figures),
        *_curves(result),
    ):
        event.wall_time = time.time()
        records.write(event.SerializeToString())
    write_file(folder / EVENTS, file.getvalue())


def _curves(result: Result) -> Iterator:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    for name, row in result.curves.items():
        for epoch, value in enumerate(row, start=1):
            point = Summary.Value(tag=name, simple_value=float(value))
            yield Event(step=epoch, summary=Summary(value=[point]))
