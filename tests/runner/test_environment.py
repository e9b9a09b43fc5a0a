import subprocess
import sys

import pytest

from runner import environment


@pytest.fixture
def quick(monkeypatch):
    """No import of the real packages, which takes half a minute."""
    monkeypatch.setattr(environment, "_python", lambda code: (True, "CPU"))
    monkeypatch.setenv("COURSE_DATA_SOURCE", "stand-in")


def test_it_says_ok_for_each_pinned_package_the_device_and_the_data(quick, capsys):
    assert environment.check() is True
    lines = capsys.readouterr().out.splitlines()
    pinned = environment.pinned_versions()
    assert [line.split()[:3] for line in lines[: len(pinned)]] == [
        ["OK", package, version] for package, version in pinned.items()
    ]
    assert lines[len(pinned)].strip() == "device: CPU"
    assert [line.split(":")[0].strip() for line in lines[-3:]] == [
        "Fashion-MNIST",
        "MNIST",
        "Reuters",
    ]


@pytest.mark.parametrize(
    ("package", "version", "said"),
    [
        ("numpy", "1.0", "is pinned, but "),
        (
            "no-such-package",
            "1.0",
            "is not installed; remove the folder .venv and run `make setup`",
        ),
    ],
)
def test_a_wrong_or_missing_package_fails(quick, monkeypatch, capsys, package, version, said):
    monkeypatch.setattr(environment, "pinned_versions", lambda: {package: version})
    assert environment.check() is False
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"FAIL  {package}")
    assert said in line


def test_a_package_that_ends_the_process_that_imports_it_fails(monkeypatch, capsys):
    monkeypatch.setattr(environment, "DEVICE", "print('CPU')")
    monkeypatch.setattr(
        environment, "_modules_of_packages", lambda: {"numpy": "os; os.abort()"}
    )
    monkeypatch.setattr(
        environment, "pinned_versions", lambda: {"numpy": environment.metadata.version("numpy")}
    )
    assert environment.check() is False
    assert "can't be imported" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("source", ["reel", "real"])
def test_data_that_a_lesson_could_not_have_fails(quick, monkeypatch, tmp_path, capsys, source):
    from utils import data

    monkeypatch.setattr(environment, "pinned_versions", dict)
    monkeypatch.setattr(data, "DATA", tmp_path)
    monkeypatch.setattr(data.download, "reachable", lambda: False)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_DATA_SOURCE", source)
    assert environment.check() is False
    assert capsys.readouterr().out.splitlines()[-1].startswith("FAIL  data: ")


def test_each_package_is_imported_under_its_own_name_if_it_has_one():
    modules = environment._modules_of_packages()
    assert {
        name: modules[name] for name in ("pytest", "ipykernel", "scikit-learn", "pyyaml")
    } == {
        "pytest": "pytest",
        "ipykernel": "ipykernel",
        "scikit-learn": "sklearn",
        "pyyaml": "yaml",
    }


def test_the_commands_start_where_a_package_is_missing():
    code = "import sys; sys.modules['numpy'] = sys.modules['yaml'] = None; import runner.cli, runner.environment"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
