"""The wheel and the sdist, as they are made for others, and what each extra brings into a clean environment."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.packaging.clean import ROOT, SETTINGS, clone, environment, uv

# What is downloaded and compiled is kept, but the first test of a new machine waits for all of it.
pytestmark = pytest.mark.timeout(400)

EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]

CALLS = {
    "postgres": "dk.connect('postgresql://ann@127.0.0.1:1/shop')",
    "elasticsearch": "dk.connect('elasticsearch://127.0.0.1:1')",
    "s3": "dk.connect('s3://lake', endpoint_url='http://127.0.0.1:1', anonymous=True)",
    "polars": "dk.read_query('select 1', 'duckdb', as_='polars')",
    "keyring": "dk.connect(backend='duckdb', path={'keyring': 'shop'})",
    "notebook": "dk.browser(), asyncio.run(nested())",
    "testing": "importlib.import_module('dk_notebook.testing.backend')",
}
"""Extra -> what works with it, and says how to install it without."""

DASK = """
import dask.dataframe, pandas
import dk_notebook as dk
frame = dask.dataframe.from_pandas(pandas.DataFrame({"a": [1, 2]}))
dk.write_table(frame, "t", "duckdb")
print(len(dk.read_table("t", "duckdb")))
"""
"""What works with dask. Who does not have it has no frame of it either."""

ASK = f"""
import asyncio, importlib, json, sys, warnings
warnings.simplefilter("error")
import dk_notebook as dk
async def nested(): dk.allow_nested_run()
def said(call):
    try:
        eval(call)
    except dk.MissingDependency as error:
        return error.hint
    except (dk.ConfigError, dk.ConnectionFailed):  # no such entry, no such server
        return "works"
    return "works"
found = {{extra: said(call) for extra, call in {CALLS!r}.items()}}
versions = dict(dk.show_versions().itertuples(index=False))
print(json.dumps({{"calls": found, "decoder": versions["native decoder"], "package": dk.__file__}}))
"""

NATIVE = shutil.which("cargo") is not None


class Built(NamedTuple):
    """What others are given."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both, by `python -m build`: the wheel out of the sdist.

    What cargo compiled for the tree is used where it is newer than the sources and made for the same Python, as ours
    is, by this variable.
    """
    folder = tmp_path_factory.mktemp("built")
    compiled = {"CARGO_TARGET_DIR": str(ROOT / "native" / "target"), "PYO3_PYTHON": sys.executable}
    source = clone(folder / "clone")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", str(folder), str(source)],
        env={**SETTINGS, **compiled},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist, wheel)


def package_files() -> set[str]:
    """The files of the package in the tree that are sources."""
    kept = {".py", ".pyi", ".typed"}
    return {str(path.relative_to(ROOT)) for path in (ROOT / "dk_notebook").rglob("*") if path.suffix in kept}


def is_native(name: str) -> bool:
    return name.startswith("dk_notebook/backends/postgres/_native.") and not name.endswith(".pyi")


def test_the_wheel_has_the_package_and_nothing_else(built: Built) -> None:
    names = zipfile.ZipFile(built.wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name and not is_native(name)} == package_files()


def test_the_wheel_says_that_it_has_types(built: Built) -> None:
    assert "dk_notebook/py.typed" in zipfile.ZipFile(built.wheel).namelist()


def test_the_wheel_has_the_native_module_where_there_is_a_compiler(built: Built) -> None:
    names = zipfile.ZipFile(built.wheel).namelist()
    assert any(map(is_native, names)) == NATIVE


def test_the_wheel_serves_every_python(built: Built) -> None:
    assert "-cp311-abi3-" in built.wheel.name


def test_the_wheel_tells_its_licence_and_pythons(built: Built) -> None:
    archive = zipfile.ZipFile(built.wheel)
    [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
    said = archive.read(name).decode()
    assert {"License-Expression: MIT", "License-File: LICENSE", "Requires-Python: >=3.11"} <= set(said.splitlines())


def test_the_sdist_has_what_a_build_needs_and_nothing_else(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "native" / "src").rglob("*.rs")}
    sources |= {"native/Cargo.toml", "native/rustfmt.toml", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"}
    made = {"PKG-INFO", "setup.cfg"}
    assert {name for name in names if ".egg-info/" not in name} == package_files() | sources | made


def brought_by(extra: str) -> set[str]:
    """The extras that one consists of, itself included."""
    inner = [part for line in EXTRAS.get(extra, []) for part in re.findall(r"dk-notebook\[(.*)\]", line)]
    return {extra}.union(*(brought_by(each) for part in inner for each in part.split(",")))


class Environment:
    """A Python that has a wheel with an extra; each is made in the place of the one before, from nothing.

    So what Python compiles of pandas, seconds of it, serves them all.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self._wheel = wheel

    def make(self, extra: str) -> None:
        """A new one. Fails where its packages do not agree."""
        self._python = environment(self.folder / "python", f"{self._wheel}[{extra}]" if extra else str(self._wheel))
        uv("pip", "check", "--python", str(self._python))

    def run(self, program: str) -> str:
        """What the program prints. It has a home of its own: no entries of a keyring, no files of connections."""
        environ = {**SETTINGS, "HOME": str(self.folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        compiled = f"pycache_prefix={self.folder / 'compiled'}"
        command = [self._python, "-I", "-X", compiled, "-c", program]
        done = subprocess.run(command, env=environ, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def clean(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("clean"), built.wheel)


@pytest.mark.parametrize("extra", ["", *sorted(set(EXTRAS) - {"demo", "dev", "docs"})])  # which these tests run in
def test_an_extra_alone_brings_all_that_it_needs(clean: Environment, extra: str) -> None:
    clean.make(extra)
    found = json.loads(clean.run(ASK))
    brought = brought_by(extra)
    assert found["calls"] == {
        each: "works" if each in brought else f"pip install 'dk-notebook[{each}]'" for each in CALLS
    }
    assert (found["decoder"] == "built") == ("postgres" in brought and NATIVE)
    assert Path(found["package"]).is_relative_to(clean.folder)
    if "dask" in brought:
        assert clean.run(DASK) == "2\n"


def test_the_calls_are_those_of_all_extras() -> None:
    assert set(CALLS) == set(EXTRAS) - {"all", "demo", "dev", "docs", "dask"}
