"""What a run may change: the lesson's parameters cell, the command line and profiles.yml."""

import nbformat
import pytest

from runner.lessons import find_lessons
from runner.parameters import choose_values, read_parameters, read_profile
from utils.errors import InputError
from utils.paths import NOTEBOOKS

LINES = """\
epochs: int = 10  # passes over the training images [1 to 100]
learning_rate: float = 0.01  # step size of SGD [1e-06 to 10]
data_source: str = "auto"  # where the images come from [auto | real | stand-in]"""


def lesson(lines=LINES, tags=("parameters",)):
    cell = nbformat.v4.new_code_cell(lines, metadata={"tags": list(tags)})
    language = {
        "kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}
    }
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# Title"), cell], metadata=language
    )


@pytest.fixture
def parameters():
    return read_parameters(lesson(), "01_basics")


def message(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_cell_is_read(parameters):
    epochs = parameters["epochs"]
    assert (epochs.type, epochs.default, epochs.allowed) == (int, 10, (1, 100))
    assert epochs.help == "passes over the training images"
    assert parameters["learning_rate"].allowed == (1e-6, 10.0)
    assert parameters["data_source"].allowed == ("auto", "real", "stand-in")


def assert_papermill_agrees(path, parameters):
    import papermill

    seen = papermill.inspect_notebook(path)
    assert list(seen) == list(parameters)
    for name, parameter in parameters.items():
        assert seen[name]["inferred_type_name"] == parameter.type.__name__
        assert seen[name]["help"].startswith(parameter.help)
        assert seen[name]["default"].strip("\"'") == str(parameter.default)


def test_papermill_reads_the_same(tmp_path, parameters):
    nbformat.write(lesson(), tmp_path / "01_basics.ipynb")
    assert_papermill_agrees(tmp_path / "01_basics.ipynb", parameters)


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")), ids=lambda path: path.stem
)
def test_papermill_reads_the_same_in_the_lessons(path):
    (found,) = [found for found in find_lessons() if found.path == path]
    assert_papermill_agrees(path, found.parameters)


def test_any_name_will_do_but_no_path():
    line = 'folder: str = ""  # where to go on, empty for a new one [a name]'
    folder = read_parameters(lesson(line), "09_full")["folder"]
    for name in ("", "try_1", "2026-11-21"):
        assert folder.check(name, "09_full") == name
    for name in ("..", "a/b", "a b", "C:", "\u00e9", "x" * 51):
        assert "a name of up to 50 letters" in message(folder.check, name, "09_full")


@pytest.mark.parametrize(
    "line",
    [
        "epochs = 10  # passes [1 to 100]",
        "epochs: int = 10",
        "epochs: int = 10  # passes",
        "epochs: int = 10  # passes [1 to 100] over the data",
        "epochs: list = [1]  # passes [1 to 100]",
        "epochs: int = 10  # passes, x=2 of them [1 to 100]",
        "epochs: int = ten  # passes [1 to 100]",
        "epochs: int = 10  # passes [1 to many]",
        "epochs: int = 10  # passes [100 to 1]",
        "epochs: int = 10  # passes [100]",
        "epochs: int = 200  # passes [1 to 100]",
        "epochs: int = 1.5  # passes [1 to 100]",
        "rate: float = 1.0  # step [0 to inf]",
        'source: str = "auto"  # where from',
        'source: str = "other"  # where from [auto | real]',
        "shuffle: bool = True  # whether [true | false]",
        "epochs: int = True  # passes [1 to 100]",
        "import os",
    ],
)
def test_a_line_that_breaks_the_convention_is_named(line):
    text = message(
        read_parameters, lesson(f"steps: int = 3  # steps [1 to 9]\n{line}"), "01_basics"
    )
    assert text.startswith("01_basics, parameters cell, line 2: ")


def test_the_cell_must_be_there_once():
    assert "found 0 cells" in message(read_parameters, lesson(tags=()), "01_basics")
    twice = lesson()
    twice.cells.append(twice.cells[1])
    assert "found 2 cells" in message(read_parameters, twice, "01_basics")
    assert "line 2: a is there twice" in message(
        read_parameters,
        lesson("a: int = 1  # a [1 to 2]\na: int = 1  # a [1 to 2]"),
        "01_basics",
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "3", 3),
        ("learning_rate", "1e-3", 0.001),
        ("learning_rate", "1", 1.0),
        ("data_source", "stand-in", "stand-in"),
    ],
)
def test_text_becomes_a_value(parameters, name, text, value):
    parsed = parameters[name].parse(text, "01_basics")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("epochs", "3.0", "01_basics: epochs='3.0' is not an int from 1 to 100"),
        ("epochs", "0", "01_basics: epochs=0 is not an int from 1 to 100"),
        ("epochs", "", "01_basics: epochs='' is not an int from 1 to 100"),
        ("epochs", "true", "01_basics: epochs='true' is not an int from 1 to 100"),
        (
            "learning_rate",
            "nan",
            "01_basics: learning_rate=nan is not a float from 1e-06 to 10.0",
        ),
        (
            "learning_rate",
            "inf",
            "01_basics: learning_rate=inf is not a float from 1e-06 to 10.0",
        ),
        (
            "data_source",
            "standin",
            "01_basics: data_source='standin' is not one of auto, real, stand-in",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(parameters, name, text, expected):
    assert message(parameters[name].parse, text, "01_basics").startswith(expected)


def test_the_nearest_choice_is_named(parameters):
    text = message(parameters["data_source"].parse, "standin", "01_basics")
    assert text.endswith("(did you mean 'stand-in'?)")


def test_the_command_line_overrules_the_profile(parameters):
    lessons = {"01_basics": parameters, "02_more": {"epochs": parameters["epochs"]}}
    profile = {"01_basics": {"epochs": 2, "data_source": "real"}, "03_other": {"epochs": 9}}
    values = choose_values(lessons, profile, ["epochs=3", "learning_rate=1"])
    assert values == {
        "01_basics": {"epochs": 3, "data_source": "real", "learning_rate": 1.0},
        "02_more": {"epochs": 3},
    }


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (
            ["epoch=3"],
            "01_basics: no parameter 'epoch' (did you mean 'epochs'?); there are: epochs",
        ),
        (["epochs"], "-p epochs is not of the form name=value"),
        (["epochs=1", "epochs=1"], "-p epochs=1: epochs is given twice"),
        (["epochs=101"], "01_basics: epochs=101 is not an int from 1 to 100"),
    ],
)
def test_a_wrong_assignment_is_refused(parameters, assignments, expected):
    assert message(choose_values, {"01_basics": parameters}, {}, assignments).startswith(
        expected
    )


def test_a_profile_is_read(tmp_path, parameters):
    path = tmp_path / "profiles.yml"
    path.write_text('quick:\n  "01": {epochs: 2, learning_rate: 1}\nfull: {}\n')
    lessons = {"01_basics": parameters}
    quick = read_profile(path, "quick", lessons)
    assert quick == {"01_basics": {"epochs": 2, "learning_rate": 1.0}}
    assert type(quick["01_basics"]["learning_rate"]) is float
    assert read_profile(path, "full", lessons) == {}


def test_a_profile_may_build_on_another_one(tmp_path, parameters):
    text = 'quick:\n  "01": &few {epochs: 2, learning_rate: 1}\nfull:\n  "01": {<<: *few, epochs: 9}\n'
    (tmp_path / "profiles.yml").write_text(text)
    full = read_profile(tmp_path / "profiles.yml", "full", {"01_basics": parameters})
    assert full == {"01_basics": {"epochs": 9, "learning_rate": 1.0}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("full: {}", "profiles.yml: no profile 'quick'; there are: full"),
        (
            "quik: {}",
            "profiles.yml: no profile 'quick' (did you mean 'quik'?); there are: quik",
        ),
        ("", "profiles.yml: lines of the form 'name: value' are needed, not None"),
        (
            "quick: [1]",
            "profiles.yml: quick: lines of the form 'name: value' are needed, not [1]",
        ),
        ('quick: {"01": 3}', "profiles.yml: quick/01: lines of the form"),
        ('quick: {"02": {}}', "profiles.yml: quick: no lesson '02'; there are: 01"),
        (
            "quick: {01: {}}",
            "profiles.yml: quick: no lesson 1 (did you mean '01'?); there are: 01",
        ),
        (
            'quick: {"01": {epoch: 3}}',
            "profiles.yml: quick/01: no parameter 'epoch' (did you mean 'epochs'?)",
        ),
        (
            'quick: {"01": {epochs: 3.0}}',
            "profiles.yml: quick/01: epochs=3.0 is not an int from 1 to 100",
        ),
        (
            'quick: {"01": {epochs: true}}',
            "profiles.yml: quick/01: epochs=True is not an int from 1 to 100",
        ),
        (
            'quick: {"01": {epochs: "3"}}',
            "profiles.yml: quick/01: epochs='3' is not an int from 1 to 100",
        ),
        (
            'quick: {"01": {learning_rate: .nan}}',
            "profiles.yml: quick/01: learning_rate=nan is not a float",
        ),
        (
            'quick: {"01": {data_source: on}}',
            "profiles.yml: quick/01: data_source=True is not one of auto",
        ),
        (
            '{quick: {}, full: {"01": {epochs: 0}}}',
            "profiles.yml: full/01: epochs=0 is not an int",
        ),
        (
            'quick: {"01": {epochs: 3, epochs: 4}}',
            "profiles.yml cannot be read: a name is there twice",
        ),
        ("quick: {", "profiles.yml cannot be read: while parsing a flow node"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path, parameters, text, expected):
    path = tmp_path / "profiles.yml"
    path.write_text(text)
    assert message(read_profile, path, "quick", {"01_basics": parameters}).startswith(expected)


def test_a_profile_is_refused_where_its_numbers_are_not_the_lessons(tmp_path, parameters):
    path = tmp_path / "profiles.yml"
    path.write_text('quick: {"01": {epochs: 2}}')
    both = {"01_basics": parameters, "01_basics-Copy1": parameters}
    expected = "profiles.yml: two lessons have one number: 01_basics, 01_basics-Copy1"
    assert message(read_profile, path, "quick", both) == expected


def test_a_missing_profile_file_is_named(tmp_path):
    assert message(read_profile, tmp_path / "profiles.yml", "quick", {}).startswith(
        "profiles.yml cannot be read"
    )


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_projects_profiles_fit_its_lessons(profile):
    lessons = {found.name: found.parameters for found in find_lessons()}
    assert read_profile(NOTEBOOKS / "profiles.yml", profile, lessons)
