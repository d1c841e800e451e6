"""The house itself: lock, Makefile, CI entry, what the wheel holds, what tracked files must not name."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# written so that this file does not hold them
MACHINE_PATHS = re.compile(
    rb"/(?:" + b"|".join([b"wo" + b"rk", b"ro" + b"ot", b"fa" + b"rm", b"ho" + b"me"]) + rb")/[A-Za-z.]"
)
REGISTRY_HOSTS = re.compile(
    rb"(?i)(?:" + b"|".join([b"files\\." + b"pythonhosted", b"pypi\\." + b"org", b"registry\\." + b"npmjs"])
    + rb"|arti" + rb"factory|nex" + rb"us[.-]|dev" + rb"pi\.|/sim" + rb"ple/)"
)  # fmt: skip


def tracked_files() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("not a git clone: what is tracked is unknown")
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


# the modules of streams/ that talk to Faust, to a broker or to processes; every other one is pure
ENGINE = {
    "__init__", "__main__", "broker", "childhood", "connect", "departure", "fastfetch", "faustapp", "health", "lag",
    "landing", "landing_batch", "landing_gaps", "natural_holes", "processing", "publishing", "reader", "transactions",
    "worker",
}  # fmt: skip


def lock_entries() -> dict[str, str]:
    """Text of each requirement of the lock, by its first line."""
    entries: dict[str, str] = {}
    for line in LOCK.splitlines():
        if line and line[0] not in " #":
            entries[name := line] = ""
        elif line.startswith("    --hash="):
            entries[name] += line
    return entries


def test_every_entry_of_the_lock_is_pinned_and_hashed() -> None:
    entries = lock_entries()
    assert len(entries) > 100
    assert [e for e in entries if not re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9, ]+\])?==\S+", e)] == []
    assert [e for e, hashes in entries.items() if "--hash=sha256:" not in hashes] == []


def test_the_lock_names_no_index() -> None:
    assert [
        line for line in LOCK.splitlines() if "://" in line or line.startswith(("-i", "--index", "-f", "--find"))
    ] == []


def test_every_direct_dependency_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = {re.split(r"[\[<>=~! ]", d)[0].lower().replace("_", "-") for d in wanted}
    assert names - {re.split(r"[\[=]", e)[0] for e in lock_entries()} == set()


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        hits = {*MACHINE_PATHS.findall(data), *REGISTRY_HOSTS.findall(data)}
        found += [f"{path.relative_to(ROOT)}: {hit.decode()}" for hit in hits]
    assert found == []


def test_the_patterns_find_what_they_look_for() -> None:
    assert MACHINE_PATHS.search(b'open("/' + b'work/x.txt")')
    assert REGISTRY_HOSTS.search(b"https://py" + b"pi.org/simple")


def test_every_other_module_of_streams_is_held_to_be_pure_and_typed_strictly() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    pure = {f"streams.{path.stem}" for path in (ROOT / "streams").glob("*.py") if path.stem not in ENGINE}
    contracts = {contract["name"]: contract for contract in tool["importlinter"]["contracts"]}
    assert pure - set(contracts["pure modules know no engine"]["source_modules"]) == set()
    strict = {
        module for override in tool["mypy"]["overrides"] for module in override["module"] if "extra_checks" in override
    }
    assert pure - strict == set()


def test_every_target_says_what_it_does() -> None:
    targets = re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
    assert set(targets) >= {"setup", "demo", "test", "lint", "bench", "proof", "kafka", "up", "down", "clean", "lock"}
    assert [t for t in targets if not re.search(rf"^{t}:.* ## \S", MAKEFILE, re.MULTILINE)] == []
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [t for t in targets if not re.search(rf"^  {t} ", printed, re.MULTILINE)] == []


def test_ci_runs_the_same_as_everybody() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    commands = [
        line for line in run.read_text("utf-8").splitlines() if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["scripts/install_parts.sh", "CI=true make test"]


@pytest.mark.parametrize("script", [".ci/run", "scripts/setup.sh", "scripts/kafka_jars.sh", "scripts/install_parts.sh"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_pre_commit_needs_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    assert {hook["language"] for hook in config["repos"][0]["hooks"]} == {"system"}


def test_the_wheel_holds_every_tracked_file_of_the_packages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("qingling-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (entry,) = (name for name in held if name.endswith("entry_points.txt"))
        assert "qingling = console.cli:main" in archive.read(entry).decode()
    packages = ("schemas/", "streams/", "warehouse/", "pipelines/", "console/")
    wanted = {name for path in tracked_files() if (name := path.relative_to(ROOT).as_posix()).startswith(packages)}
    assert wanted - held == set()
    assert {name.split("/")[0] + "/" for name in held if ".dist-info" not in name} == set(packages)
