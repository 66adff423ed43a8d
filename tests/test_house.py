"""The house: environments in step, a light import, layers, a wheel that builds."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from kdelab import __version__
from kdelab.extras import EXTRAS

ROOT = Path(__file__).parent.parent
TOML = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETTINGS, GROUPS = (TOML[name] for name in ("project", "tool", "dependency-groups"))

FRAMEWORKS = ("torch", "jax", "distributed")


def split(requirement: str) -> tuple[str, str]:
    name, bound = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[\w+\])?\s*(.*)", requirement.strip()).groups()
    return name.lower().replace("_", "-"), bound.replace(" ", "")


def asked_by_pip() -> dict[str, str]:
    """What stands in the lock and in the conda environment, too: all but the frameworks."""
    extras = PROJECT["optional-dependencies"]
    groups = [PROJECT["dependencies"], *(extras[name] for name in extras if name not in FRAMEWORKS)]
    asked = dict(split(requirement) for group in groups for requirement in group)
    asked.pop("kdelab")  # an extra that brings another
    return asked


def asked_by_conda() -> dict[str, str]:
    text = (ROOT / "environment.yml").read_text()
    listed = [line.strip()[2:] for line in text.split("dependencies:")[1].splitlines() if line.strip().startswith("- ")]
    found = dict(split(line) for line in listed if line not in ("pip:", "--editable ."))
    found.pop("pip")
    return found


def test_conda_and_pip_ask_for_the_same_packages_with_the_same_bounds():
    assert asked_by_conda() == asked_by_pip() | {"python": PROJECT["requires-python"]}


def test_the_lock_pins_every_package_asked_for_with_hashes_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    entries = [line for line in text.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    entry = re.compile(r"([a-z0-9-]+)==[^ ;@]+(?: ; [^-@]+)?(?: +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in entries if not entry.fullmatch(line.strip())] == []
    assert not asked_by_pip().keys() - {entry.fullmatch(line.strip())[1] for line in entries}
    assert "://" not in text
    assert not {*FRAMEWORKS} & {entry.fullmatch(line.strip())[1] for line in entries}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_has_an_environment_and_the_oldest_that_its_extra_allows_is_tried(name):
    groups = {group: dict(map(split, pins)) for group, pins in GROUPS.items()}
    assert all(re.fullmatch(r"==[\d.]+", bound) for pins in groups.values() for bound in pins.values())
    bound = dict(map(split, PROJECT["optional-dependencies"][name]))[name]
    oldest = groups.get(f"{name}-oldest", groups[name])[name]
    assert re.fullmatch(rf">={bound[2:]}(\.0)*", oldest.replace("==", ">="))
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"tools/env.py {group}\n" in makefile for group in groups)
    assert f"\nmake test-{name}\n" in (ROOT / ".ci" / "run").read_text()


def test_every_command_of_the_workflows_is_a_target_or_a_file_that_is_there():
    text = "".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert (
        {"reports", "test", "test-jax-oldest", "unit", "lowest", "coverage"}
        <= set(re.findall(r"run: make ([a-z-]+)", text))
        <= targets
    )
    assert all((ROOT / path).exists() for path in re.findall(r"run: bash (\S+)", text))


def test_the_version_stands_in_one_place_and_the_changelog_knows_it():
    version = subprocess.run([sys.executable, "-m", "hatchling", "version"], cwd=ROOT, capture_output=True, text=True)
    assert version.stdout.strip() == __version__
    assert "version" not in PROJECT
    assert __version__ in (ROOT / "CHANGELOG.md").read_text()
    assert "hatchling version" in (ROOT / ".github" / "workflows" / "release.yml").read_text()


@pytest.mark.parametrize(("rule", "limit"), [("C901", "mccabe.max-complexity"), ("PLR0913", "pylint.max-args")])
def test_a_limit_of_complexity_is_as_low_as_the_code_allows(rule, limit):
    table, name = limit.split(".")
    lower = SETTINGS["ruff"]["lint"][table][name] - 1
    ruff = [sys.executable, "-m", "ruff", "check", "--select", rule, "--config", f"lint.{limit}={lower}", "."]
    assert rule in subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True).stdout, f"{limit} may be {lower}"


def test_the_environment_is_installed_by_those_hashes():
    assert "\t$(BASE) tools/env.py\n" in (ROOT / "Makefile").read_text()
    text = (ROOT / "tools" / "env.py").read_text()
    assert 'hashed = ["--no-deps", "--require-hashes", "--requirement"]' in text
    assert text.count("*hashed, str(") == 3  # pip brings uv, uv the rest, or pip all


def test_the_workflows_name_each_action_by_its_commit():
    workflows = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    uses = [line for text in workflows for line in re.findall(r"uses: (.*)", text)]
    assert uses
    assert [line for line in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)] == []


def test_the_workflows_are_what_the_code_host_understands():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_importing_kdelab_loads_no_plotting_no_tables_and_no_jupyter():
    heavy = {"numpy", "matplotlib", "seaborn", "pandas", "pyarrow", "numba", "IPython", "nbformat", "sklearn"}
    heavy |= {*FRAMEWORKS}
    script = f"import sys, kdelab; print(*sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split() == []
    )


@pytest.mark.parametrize("name", ["CrossEntropy", "load_waves"])
def test_the_loss_and_the_gun_load_no_plotting_and_no_jupyter(name):
    heavy = {"matplotlib", "seaborn", "IPython", "nbformat", "papermill"}
    script = f"import sys, kdelab; kdelab.{name}; print(*sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split() == []
    )


def test_every_public_name_resolves():
    import kdelab

    for name in kdelab.__all__:
        assert getattr(kdelab, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    import kdelab

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = kdelab.no_such_name


def test_no_folder_of_tests_passes_for_a_package():
    on_the_path = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    beside = {folder.name for path in on_the_path for folder in path.iterdir() if folder.is_dir()}
    assert beside & {name for extra in EXTRAS.values() for name in extra.packages} == set()


def test_the_wheel_builds_and_carries_the_data(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"kdelab/__init__.py", "kdelab/py.typed", "kdelab/gun/waves/data/surfers.parquet"} <= set(names)
    assert {"kdelab/gun/battles/data/fighters/Surfer.java", "kdelab/report/explorer/explorer.js"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "notebooks", "benchmarks"))]
    (metadata,) = (name for name in names if name.endswith("METADATA"))
    page = zipfile.ZipFile(wheel).read(metadata).decode()
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert len(links) > 30
    assert [link for link in links if not link.startswith("https://")] == []
    assert f"({PROJECT['urls']['Homepage']}/blob/main/docs/commands.md)" in page
    assert re.search(r"!\[[^]]*\]\(https://raw\.", page)


@pytest.fixture
def drawing(monkeypatch):
    """The scripts that draw what is beside them."""
    monkeypatch.syspath_prepend(ROOT / "docs")


@pytest.mark.usefixtures("drawing")
def test_the_fan_in_the_readme_is_that_of_notebook_05():
    import fan

    assert fan.png() == (ROOT / "docs" / "fan.png").read_bytes(), "`python docs/fan.py` copies it anew"


@pytest.mark.usefixtures("drawing")
def test_the_picture_of_the_house_is_that_of_the_contracts():
    import house

    said = "`python docs/house.py` draws it anew"
    assert house.svg() == (ROOT / "docs" / "house.svg").read_text(), said
    shown = json.loads((ROOT / "notebooks" / "00-start-here.ipynb").read_text())["cells"]
    assert any(house.text() in "".join(cell["source"]) for cell in shown), said
    assert all(f"─ {wing.name} ─" in house.text() for floor in house.floors() for wing in floor)


def test_make_alone_prints_help():
    text = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("reports", "test", "lab", "notebooks", "bench", "battles"):
        assert re.search(rf"make {target}\s+\w", text)
