"""Static files as a site serves them: every module import leads to a hashed file."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

IMPORT = re.compile(r"""(?:^|\s)(?:from|import)\s+["']([^"']+)["']""", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")
SOURCES = Path(project.BASE_DIR) / "static"
MODULES = sorted(path.relative_to(SOURCES) for path in (SOURCES / "js").rglob("*.js"))


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    """STATIC_ROOT after `collectstatic` with the project's storage, with our files and one of another package."""
    foreign = tmp_path / "foreign" / "package"
    foreign.mkdir(parents=True)
    (foreign / "bundle.js").write_text('import x from "./not-shipped.js";\n')
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "brainscan.static_storage.StaticFilesStorage"},
    }
    settings.STATICFILES_DIRS = [SOURCES, tmp_path / "foreign"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "root"
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "root"


def stored_name(name: str) -> str:
    """The hashed name under which a file is served."""
    storage: Any = staticfiles_storage
    return str(storage.stored_name(name))


def test_the_project_uses_this_storage() -> None:
    text = (Path(project.BASE_DIR) / "brainscan" / "settings.py").read_text()
    assert '"staticfiles": {"BACKEND": "brainscan.static_storage.StaticFilesStorage"}' in text


def test_every_import_leads_to_a_hashed_file(collected: Path) -> None:
    followed = 0
    for module in MODULES:
        file = collected / stored_name(str(module))
        for target in IMPORT.findall(file.read_text()):
            assert HASHED.search(target), f"{module} imports {target}"
            assert (file.parent / target).is_file(), f"{module} imports {target}"
            followed += 1
    assert followed == sum(len(IMPORT.findall((SOURCES / module).read_text())) for module in MODULES) > 20


def test_a_module_has_one_address_wherever_it_is_imported(collected: Path) -> None:
    """Two addresses would be two instances of the module, each with a state of its own."""
    poller = collected / stored_name("js/poller.js")
    for importer in ("js/app.js", "js/upload.js"):
        assert f'"./{poller.name}"' in (collected / stored_name(importer)).read_text()


def test_scripts_of_other_packages_stay_as_they_are(collected: Path) -> None:
    assert "./not-shipped.js" in (collected / stored_name("package/bundle.js")).read_text()
