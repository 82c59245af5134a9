"""What is installed here, and which servers were reached: for a report of a bug."""

from __future__ import annotations

from dk_notebook.connections import connections, servers
from dk_notebook.frames.versions import Versions

PACKAGES = (
    *("dk-notebook", "pandas", "numpy", "pyarrow", "duckdb", "tqdm"),
    *("asyncpg", "pgpq"),
    *("elasticsearch", "aiohttp", "orjson"),
    *("aioboto3", "aiobotocore", "botocore", "obstore"),
    *("ipython", "ipykernel", "jupyterlab", "ipywidgets", "matplotlib", "nest-asyncio", "nest-asyncio2"),
    *("polars", "dask", "keyring"),
)


def show_versions() -> Versions:
    """Versions of what matters here, and the stores whose connections are open: a frame, made to be pasted.

    Columns: component, version. What is not installed is listed as that. Of an open connection there are its backend,
    its place and what its server said when it was reached; nothing is asked of it now. Holds no secrets.

    >>> import dk_notebook as dk
    >>> versions = dk.show_versions()  # print(versions) shows all of it, a line a component
    >>> versions.loc[versions["component"] == "python", "version"].item().split(".")[0]
    '3'
    """
    # Here: they take milliseconds that `import dk_notebook` need not take.
    import importlib.metadata
    import platform

    rows = [
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("platform", platform.platform()),
    ]
    for package in PACKAGES:
        try:
            rows.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((package, "not installed"))
    rows.append(("native decoder", _native_decoder()))
    said = servers()
    for row in connections():
        if row["open"]:
            parts = [row["backend"], row["location"], said.get(row["name"])]
            rows.append((f"connection {row['name']}", ", ".join(part for part in parts if part)))
    return Versions(rows, columns=["component", "version"])


def _native_decoder() -> str:
    """Whether the module of the postgres backend is there and works on this machine."""
    try:
        from dk_notebook.backends.postgres.reading.decoding import NATIVE
    except ImportError as error:  # the backend's drivers
        return f"not used: {error.name} is not installed"
    return "built" if NATIVE else "not built: results are decoded in Python"
