"""A run for TensorBoard's HParams page: ``tensorboard --logdir runs/<time>``."""

import io
import time
from pathlib import Path

from utils.files import write_file
from utils.reports import Result

EVENTS = "events.out.tfevents.hparams"  # TensorBoard reads what has "tfevents" in its name


def write_hparams(result: Result, folder: Path) -> None:
    """Write the run's parameters and those of its figures that are numbers; raises OSError.

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
    ):
        event.wall_time = time.time()
        records.write(event.SerializeToString())
    write_file(folder / EVENTS, file.getvalue())
