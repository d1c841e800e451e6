"""What the pages say exists, and what exists is on the pages."""

import re
from enum import Enum
from pathlib import Path

import pytest
import typer.main

from schemas import terms
from schemas.criteria import CatalogueError, load_catalogue
from schemas.kpis import kpis
from schemas.topics import topics

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/**/*.md"))
README = (ROOT / "README.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ENUMS = [kind for kind in vars(terms).values() if isinstance(kind, type) and issubclass(kind, Enum) and list(kind)]


def words_of(kind: type[Enum]) -> list[str]:
    return [
        member.value if isinstance(member.value, str) else name.lower() for name, member in kind.__members__.items()
    ]


def glossary_rows() -> dict[str, tuple[str, str]]:
    """Chinese and meaning by word, of every row of the glossary's tables whose first cell is code."""
    found = re.findall(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \|$", GLOSSARY, re.MULTILINE)
    return {word: (zh.strip(), meaning.strip()) for word, zh, meaning in found}


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_every_word_is_in_the_glossary(kind: type[Enum]) -> None:
    assert [word for word in words_of(kind) if word not in glossary_rows()] == []


def test_every_topic_and_kpi_is_in_the_glossary() -> None:
    assert [name for name in (*topics(), *kpis()) if name not in glossary_rows()] == []


def test_every_row_has_chinese_and_a_meaning() -> None:
    assert [w for w, (zh, meaning) in glossary_rows().items() if not re.search("[一-鿿]", zh) or not meaning] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_anchors_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"CONTRIBUTING\.md#([\w-]+)", README)) - anchors == set()


def test_make_targets_on_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+)", _code(page))}
    assert named - targets == set()
    assert {"demo", "test"} <= named


def test_files_on_the_pages_exist() -> None:
    paths = {
        path
        for page in PAGES
        for path in re.findall(
            r"`((?:schemas|streams|warehouse|pipelines|console|scripts|tests|docs)/[\w./-]*)`", _code(page)
        )
    }
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_the_example_of_a_criterion_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if block.startswith("document:"))
    (tmp_path / "EXAMPLE.yaml").write_text(block, "utf-8")
    clause = load_catalogue(tmp_path).get("EXAMPLE-7-2")
    assert clause is not None and clause.condition is not None
    (tmp_path / "EXAMPLE.yaml").write_text(block.replace("ch4_pct", "ch5_pct"), "utf-8")
    load_catalogue.cache_clear()
    with pytest.raises(CatalogueError, match="ch5_pct"):
        load_catalogue(tmp_path)


def test_the_table_of_commands_is_the_command_line() -> None:
    from console.cli import app

    root = typer.main.get_command(app)
    table = set(re.findall(r"^\| `qingling ([a-z]+)", README, re.MULTILINE))
    assert table == set(root.commands)


def test_commands_on_the_pages_exist() -> None:
    from console.cli import app

    for page in PAGES:
        for line in re.findall(r"\bqingling ((?:[a-z][a-z0-9]* ?)+)", _code(page)):
            command = typer.main.get_command(app)
            for word in line.split():
                if not hasattr(command, "commands"):
                    break
                assert word in command.commands, f"{page.name}: qingling {line}"
                command = command.commands[word]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_its_status_and_why(page: Path) -> None:
    text = page.read_text("utf-8")
    number = page.name[:4]
    assert re.match(rf"# {number} \S", text)
    assert re.search(r"^- \*\*Status:\*\* (proposed|accepted|superseded)", text, re.MULTILINE)
    assert re.search(r"^## Why$", text, re.MULTILINE)


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1


def _code(page: Path) -> str:
    """Only what a page shows as code: `spans` and fenced blocks; prose may say "make sense"."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`[^`\n]+`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])
