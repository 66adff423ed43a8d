"""`pip install kdelab` brings NumPy, SciPy and numba; what else is missing is named with the command that brings it."""

import ast
import re
import subprocess
import sys

import pytest
from test_house import PROJECT, ROOT, split

from kdelab import __main__, extras
from kdelab.extras import EXTRAS, MissingExtra, load, need, told

CORE = {"numpy", "scipy", "numba", "kdelab"}
SENTENCE = re.compile(r'[\w, -]+ (is|are) not installed, but needed for .+: pip install "kdelab\[\w+\]"')
ALONE = """
import contextlib, importlib, pkgutil, sys
class Blocker:
    known = sys.stdlib_module_names | {"numpy", "scipy", "numba", "llvmlite", "kdelab"}
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.argv[1:] or not sys.argv[1:] and top not in Blocker.known and not top.startswith("_"):
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)
sys.meta_path.insert(0, Blocker)
"""


LEARNERS = ["KernelDensityRegressor", "NeighbourModel", "Recall"]
BUT_GUN = {name for extra in EXTRAS.values() for name in extra.packages} - set(EXTRAS["gun"].packages)


def alone(script, *absent):
    """What a script prints where nothing but NumPy, SciPy and numba is installed, or all but some packages."""
    run = subprocess.run([sys.executable, "-c", ALONE + script, *absent], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def third_party():
    """What the library imports from others: names, each with a file that does."""
    found = {}
    for path in (ROOT / "kdelab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            found |= {name.partition(".")[0]: path for name in names}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names}


def test_every_package_that_the_library_imports_is_one_of_three_or_of_an_extra():
    known = CORE | {name for extra in EXTRAS.values() for name in extra.packages}
    assert {name: path for name, path in third_party().items() if name not in known} == {}


def test_pip_installs_three_packages_and_the_extras_bring_what_the_wings_need():
    assert {split(one)[0] for one in PROJECT["dependencies"]} == {"numpy", "scipy", "numba"}
    asked = PROJECT["optional-dependencies"]
    for extra in EXTRAS.keys() - {"notebooks"}:
        needed = {extras.DISTRIBUTIONS.get(name, name) for name in EXTRAS[extra].packages}
        assert needed == {split(one)[0] for one in asked[extra]} - {"kdelab", "bokeh"}  # that draws Dask's dashboard
    assert {split(one)[0] for one in asked["notebooks"]} > {"kdelab", "matplotlib", "papermill"}


@pytest.mark.parametrize(("extra", "package"), [(extra, name) for extra in EXTRAS for name in EXTRAS[extra].packages])
def test_an_extra_s_package_that_is_missing_is_named_with_its_command(extra, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    for ask in (lambda: need(extra), lambda: load(package, extra)):
        with pytest.raises(MissingExtra, match=SENTENCE) as caught:
            ask()
        assert caught.value.name == package
    assert isinstance(caught.value, ModuleNotFoundError)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_framework_is_asked_for_by_attribute_and_named_where_it_is_missing(name):
    said = alone(f"""
import kdelab
try:
    kdelab.{name}.cross_entropy
except kdelab.extras.MissingExtra as error:
    print(error)
""")
    assert SENTENCE.fullmatch(said.strip())
    assert f"[{name}]" in said


def test_a_sentence_names_all_that_is_missing():
    assert told("gun", ["pandas", "pyarrow", "sklearn"]) == (
        "pandas, pyarrow and scikit-learn are not installed, but needed for waves and guns (kdelab.gun): "
        'pip install "kdelab[gun]"'
    )


def test_a_package_that_is_there_and_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        load("broken_package", "gun")
    assert not isinstance(caught.value, MissingExtra)


@pytest.mark.parametrize(
    ("absent", "fewest", "wanted"),
    [
        ((), 50, {"sklearn", "gun", "torch", "jax", "notebooks"}),
        (BUT_GUN, 130, {"record", "torch", "jax", "notebooks"}),
    ],
)
def test_without_extras_every_module_and_name_loads_or_says_which_extra_it_needs(absent, fewest, wanted):
    script = """
import kdelab.extras
loaded, told = 0, {}
def each(path, prefix):
    global loaded
    for module in pkgutil.iter_modules(path, prefix):
        if module.name.endswith("__main__") and module.name != "kdelab.__main__":
            continue
        try:
            found = importlib.import_module(module.name)
            loaded += 1
        except kdelab.extras.MissingExtra as error:
            told.setdefault(str(error), module.name)
            continue
        each(getattr(found, "__path__", ()), module.name + ".")
each(kdelab.__path__, "kdelab.")
absent = []
for name in kdelab.__all__:
    try:
        getattr(kdelab, name)
    except kdelab.extras.MissingExtra:
        absent.append(name)
print(loaded, absent, *sorted(told), sep="\\n")
"""
    loaded, names, *sentences = alone(script, *absent).splitlines()
    assert int(loaded) >= fewest
    assert ast.literal_eval(names) == (
        ["explore", "style"] if absent else [*LEARNERS, "explore", "load_waves", "style"]
    )
    assert all(SENTENCE.fullmatch(line) for line in sentences)
    assert {re.search(r"\[(\w+)\]", line)[1] for line in sentences} == wanted


def test_without_extras_the_command_line_says_what_it_is_and_what_is_missing():
    said = alone("""
from kdelab.__main__ import main
for words in (["--version"], ["--help"], ["gun", "check", "mine.csv"], ["report", "site"], ["completion", "bash"]):
    with contextlib.redirect_stderr(sys.stdout):
        try:
            print(main(words))
        except SystemExit as end:
            print(end.code)
""").splitlines()
    assert said[0] == f"kdelab {__main__.__version__}"
    errors = [line for line in said if line.startswith("error: ")]
    assert [re.search(r"\[(\w+)\]", line)[1] for line in errors] == ["gun", "notebooks", "completion"]
    assert all(SENTENCE.fullmatch(line.removeprefix("error: ")) for line in errors)
    assert said[-1] == "2"


def test_without_tqdm_a_wanted_bar_is_a_line_and_an_unwanted_one_nothing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    extras._say_no_bar.cache_clear()
    for disable in (True, False, False):
        with extras.tqdm(total=1, disable=disable) as bar:
            bar.update(1)
    assert capsys.readouterr().err == 'no progress bar, since tqdm is not installed: pip install "kdelab[gun]"\n'


def test_the_wings_commands_go_by_both_names(capsys):
    for words in (["gun", "train", "--help"], ["report", "site", "--help"]):
        with pytest.raises(SystemExit) as ended:
            __main__.main(words)
        assert ended.value.code == 0
        assert f"usage: kdelab {words[0]} {words[1]}" in capsys.readouterr().out
    for word in ("sweep", "compare"):
        with pytest.raises(SystemExit) as ended:
            __main__.main([word, "--help"])
        assert ended.value.code == 0
        assert f"usage: kdelab {word} [-h]" in capsys.readouterr().out


@pytest.mark.parametrize("shell", __main__.SHELLS)
def test_a_shell_completes_every_command(shell, capsys):
    pytest.importorskip("shtab")
    assert __main__.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("record", "duel", "site", "robocode", "sweep", "exit-code"))


def test_names_of_files_are_completed(capsys):
    pytest.importorskip("shtab")
    __main__.main(["completion", "bash"])
    assert "_shtab_kdelab_gun_train___out_COMPGEN=_shtab_compgen_files" in capsys.readouterr().out
