"""Runs: this interpreter's kernels, what ends them, what they read, how much they may say. No test minds the clock."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tiny_notebooks import notebook, save

import kdelab
from kdelab.report.build import cells, inside
from kdelab.report.build.project import Project
from kdelab.report.build.runs import Job, running

ROOT = Path(kdelab.__file__).parent.parent
pytestmark = pytest.mark.xdist_group("report")

IDENTITY = """
import json, sys, kdelab
print(json.dumps([sys.executable, sys.version, kdelab.__file__, sys.path]))
"""
READING = """
import numpy as np, pandas as pd, kdelab
open("plain.txt").read()
pd.read_csv("table.csv")
np.load("numbers.npy")
kdelab.load_waves("mine.parquet")
import helper
open("own.txt", "w").write("x"); open("own.txt").read()
"""
LOUD = """
import os
for _ in range(30):
    print("x" * 99_999)
os.system("head -c 3000000 /dev/zero | tr '\\\\0' y")
"""
SHOWN = """
from IPython.display import HTML, display
display(HTML("<p>small</p>"))
display(HTML("y" * 6_000_000))
display(HTML("y" * 6_000_000))
print("lone \\ud800 surrogate")
"""
WIRE = "from ipykernel.connect import get_connection_info as info; print(info(unpack=True)['transport'])"
NOTEBOOKS = {
    "wire": notebook((WIRE,)),
    "identity": notebook((IDENTITY,)),
    "reading": notebook((READING,)),
    "loud": notebook((LOUD,), (SHOWN,), ("raise ValueError('z' * 1_000_000)",)),
    "exits": notebook(("# Here",), ("print('before')",), ("import os; os._exit(3)",), ("2",)),
    "killed": notebook(("import os, signal; os.kill(os.getpid(), signal.SIGKILL)",)),
    "asks to leave": notebook(("exit()",), ("2",)),
    "leaves": notebook(("import sys; sys.exit(0)",), ("2",)),
    "magics": notebook(("%matplotlib inline\nh = 0.1", "parameters"), ("print(h)",)),
    "typo": notebook(("h = 1 2", "parameters"), ("print(h)",)),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All of them, with a kernel spec and a kdelab of somebody else's in the way."""
    root = tmp_path_factory.mktemp("runs")
    folder = root / "notebooks"
    jobs = [Job(save(folder / f"{name}.ipynb", made), made) for name, made in NOTEBOOKS.items()]
    (folder / "plain.txt").write_text("x")
    (folder / "table.csv").write_text("a\n1\n")
    (folder / "helper.py").write_text("")
    import numpy as np

    np.save(folder / "numbers.npy", np.zeros(2))
    data = ROOT / "kdelab" / "gun" / "waves" / "data" / "samples.parquet"
    (folder / "mine.parquet").write_bytes(data.read_bytes())
    spec = root / "elsewhere" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["false"], "display_name": "Another", "language": "python"}))
    foreign = root / "foreign" / "kdelab" / "__init__.py"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(root / "elsewhere"))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # a module that is compiled is still read
        patch.setenv("PYTHONPATH", str(foreign.parent.parent))
        with running(Project(root), jobs, "runs") as runs:
            found = {job.path.stem: run for job, run in runs}
    assert not list((root / "reports").iterdir()), "what kernels need while they run is removed"
    return found


def shown(run, cell=0):
    return "".join(output.get("text", "") for output in run.notebook.cells[cell].outputs)


def test_kernels_are_this_interpreter_s_with_this_kdelab(ran):
    executable, version, package, path = json.loads(shown(ran["identity"]))
    assert (executable, version) == (sys.executable, sys.version)
    assert Path(package).samefile(kdelab.__file__)
    assert Path(path[0]).samefile(ROOT)
    assert ran["identity"].versions == inside.versions()
    assert ran["identity"].failure is None


def test_a_kernel_that_is_another_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inside, "facts", lambda: {"executable": "/another/python", "python": "", "kdelab": ""})
    with running(Project(tmp_path), [Job(tmp_path / "01-x.ipynb", NOTEBOOKS["identity"])], "runs") as runs:
        ((_, run),) = runs
    assert "the kernel has another executable" in run.failure["error"]
    assert run.notebook.cells[0].outputs == []


@pytest.mark.skipif(os.name != "posix", reason="sockets have no paths")
def test_kernels_need_no_port_that_another_may_take(ran):
    assert shown(ran["wire"]) == "ipc\n"


def test_where_paths_are_too_long_for_a_socket_there_are_ports(tmp_path, monkeypatch):
    far = tmp_path / ("x" * 100)
    far.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(far))
    with running(Project(tmp_path), [Job(tmp_path / "01-x.ipynb", NOTEBOOKS["wire"])], "runs") as runs:
        ((_, run),) = runs
    assert shown(run) == "tcp\n"
    assert not list(far.iterdir())


def test_files_that_a_notebook_reads_are_known(ran):
    names = {Path(path).name for path in ran["reading"].reads}
    assert ran["reading"].failure is None
    assert names == {"plain.txt", "table.csv", "numbers.npy", "mine.parquet", "helper.py"}
    assert ran["identity"].reads == {}


def test_output_is_cut_where_it_is_too_much(ran):
    loud = ran["loud"]
    assert inside.PRINTED <= len(shown(loud)) <= inside.PRINTED + 300
    small, large, *rest = loud.notebook.cells[1].outputs
    assert small.data["text/html"] == "<p>small</p>"
    assert large.data == {"text/plain": inside._TOLD}
    assert [output.output_type for output in rest] == ["stream"]
    assert shown(loud, 1) == "lone \\ud800 surrogate\n"
    (error,) = loud.notebook.cells[2].outputs
    assert len(json.dumps(error)) < 100_000
    assert [name.split(" (")[0] for name in cells.cut(loud.notebook)] == ["cell 1", "cell 2"]


@pytest.mark.parametrize(
    ("name", "where", "why"),
    [
        ("exits", "cell 3", "exit code 3"),
        ("killed", "cell 1", "SIGKILL"),
        ("leaves", "cell 1", "SystemExit"),
        ("asks to leave", "cell 1", "SystemExit"),
        ("typo", "cell 1", "SyntaxError"),
        ("loud", "cell 3", "ValueError: zzz"),
    ],
)
def test_a_failure_names_the_cell_in_which_it_happened(ran, name, where, why):
    assert ran[name].failure["cell"].startswith(where)
    assert why in ran[name].failure["error"]


def test_what_came_before_a_kernel_s_end_is_kept(ran):
    assert shown(ran["exits"], 1) == "before\n"


def test_magics_in_a_parameters_cell_run(ran):
    assert ran["magics"].failure is None
    assert shown(ran["magics"], 1) == "0.1\n"


@pytest.mark.parametrize("never_ends", ["while True: pass", "import time; time.sleep(10**6)"])
def test_a_cell_has_a_limit_of_time(tmp_path, never_ends):
    with running(Project(tmp_path), [Job(tmp_path / "x.ipynb", notebook((never_ends,)))], "", timeout=1) as runs:
        ((_, run),) = runs
    assert run.failure["cell"].startswith("cell 1")
    assert "over its limit of 1 s" in run.failure["error"]


def eventually(condition):
    """Wait for what must come true, without a say in when."""
    for _ in range(3000):
        if condition():
            return True
        time.sleep(0.1)
    return False


def gone(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and Linux's parent death signal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_kernels_end_with_the_build(tmp_path, number):
    endless = "import os, pathlib; pathlib.Path('pid').write_text(f'{os.getpid()} ')\nwhile True: pass"
    save(tmp_path / "notebooks" / "01-endless.ipynb", notebook((endless,)))
    command = [sys.executable, "-m", "kdelab.report", "site", "--root", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    build = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        told = tmp_path / "notebooks" / "pid"
        assert eventually(lambda: told.exists() and told.read_text().endswith(" "))
        build.send_signal(number)
        _, said = build.communicate()
        assert eventually(lambda: gone(int(told.read_text())))
    finally:
        build.kill()
    assert "Traceback" not in said
    left = [path.name for path in (tmp_path / "reports").iterdir()]
    if number == signal.SIGTERM:
        assert build.returncode == 128 + number
        assert left == []
    else:
        assert len(left) == 1, "nobody could tidy up"
        with running(Project(tmp_path), [], "nothing"):
            pass
        assert list((tmp_path / "reports").iterdir()) == [], "the next run does"
