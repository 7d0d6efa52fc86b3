"""docs/operations.md names commands, options, variables and sentences that exist: somebody goes by it in a hurry.

Its commands were run by hand once, on SQLite and Valkey and on PostgreSQL and Redis; this keeps them from rotting.
"""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from brainscan.launcher.environment import NEEDED_BY
from tests.test_docs_asvs import sections
from tests.test_docs_configuration import in_docs

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)
SPOKEN = [inline or block for inline, block in CODE.findall(PAGE)]
"""Everything in backticks or in a block of code."""

COMMANDS = sorted({line.partition("manage.py ")[2] for line in SPOKEN if "manage.py " in line})
NOT_OURS = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "MALLOC_MMAP_THRESHOLD_", "PATH"),
    *("REQUESTS_CA_BUNDLE", "POSTGRES_PASSWORD", "TRACES", "FROM"),  # the last three: compose, Dockerfile, make
    *("NAME", "NUMBER", "REALM", "NOLOGIN"),  # stand for something else
}
"""Words in capitals that are no variables of the site."""


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_and_its_options_exist(line: str) -> None:
    name, *arguments = shlex.split(line.replace("…", "x"), comments=True) if line.count('"') % 2 == 0 else line.split()
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    known = {option for action in parser._actions for option in action.option_strings}
    given = {word.partition("=")[0] for word in arguments if word.startswith("-")}
    assert given - known == set()


def test_the_page_has_commands() -> None:
    named = {line.split()[0] for line in COMMANDS}
    assert {"backup", "restore", "migrate", "purge", "check_integrity", "rotate_secret_key"} <= named


def test_each_target_of_make_and_each_module_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {one for line in SPOKEN for one in re.findall(r"\bmake ([a-z-]+)", line)}
    assert "run" in targets and all(f"\n{target}:" in makefile for target in targets)
    modules = {one for line in SPOKEN for one in re.findall(r"python -m ([\w.]+)", line)}
    assert modules and all(find_spec(module) for module in modules)


def test_each_variable_is_one_of_the_site() -> None:
    named = {one for line in SPOKEN for one in re.findall(r"\b([A-Z][A-Z_]{3,})(?=[=`…]|$)", line)}
    assert len(named) > 25
    assert {name for name in named if name not in in_docs()} - NOT_OURS == set()


def test_each_secret_has_its_way_to_be_changed() -> None:
    table = PAGE.partition("## Rotate secrets")[2].partition("\n## ")[0]
    named = NEEDED_BY.keys() | {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN"}
    assert {name for name in named if f"`{name}`" not in table} == {"AWS_SESSION_TOKEN"}  # which ends by itself


def test_what_compose_is_asked_for_exists() -> None:
    lines = [line for line in SPOKEN if line.startswith("docker compose ")]
    services = {one for line in lines for one in re.findall(r"(?:exec|--scale) ([a-z]+)", line)}
    services |= {one for line in lines for one in re.findall(r"run .*? ([a-z]+) python", line)}
    services |= {word for line in lines for word in re.findall(r"up --detach ((?:[a-z]+ ?)+)", line)[:1]}
    assert len(lines) > 5
    assert {word for one in services for word in one.split()} - COMPOSE["services"].keys() == set()
    profiles = {one for line in SPOKEN for one in re.findall(r"--profile (\w+)", line)}
    assert profiles <= {one for service in COMPOSE["services"].values() for one in service.get("profiles", [])}


def test_the_symptoms_are_what_the_site_says() -> None:
    table = PAGE.partition("## Symptoms")[2]
    sentences = re.findall(r'^\| "([^"]+)"', table, re.MULTILINE)
    said = " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in (ROOT / "brainscan").rglob("*.py"))
    said = re.sub(r'" f?"', "", said) + " ".join(path.read_text() for path in (ROOT / "ml").rglob("*.py"))
    assert len(sentences) > 5
    for sentence in sentences:
        parts = [part.strip(" .") for part in re.split(r"…|8000|dicom|: ", sentence)]
        assert all(part in said for part in parts), sentence


def test_links_and_paths_lead_somewhere() -> None:
    for page, _, section in (link.partition("#") for link in re.findall(r"\]\(([\w./#-]+)\)", PAGE)):
        target = ROOT / "docs" / (page or "operations.md")
        assert target.exists(), page
        assert not section or section in sections(target), f"{page}#{section}"
    paths = {one for one in SPOKEN if re.fullmatch(r"(deploy|tests|diagnosis)/[\w./]+", one)}
    assert paths and all((ROOT / path).exists() for path in paths)
