"""Each Python decides for itself whether it uses the folder of packages, and its pip follows."""

import json
import os
import shutil

import pytest
from packages_kit import VERSION, Image, printed, run, virtual_environment

from jupyter_terra_env.environment.packages.folder import STARTUP, packages_folder
from jupyter_terra_env.environment.packages.installed import python_packages
from jupyter_terra_env.rules.errors import SettingsError

SEEN = "import json, os, site, sys; print(json.dumps([sys.path, os.environ.get('PIP_USER'), site.ENABLE_USER_SITE]))"


def seen_by(python, variables):
    path, pip_user, enabled = json.loads(printed([python, "-c", SEEN], variables))
    return [os.path.realpath(entry) for entry in path], pip_user, enabled


def test_an_image_imports_what_is_installed_before_its_own_packages_even_if_nothing_is_yet(image, disk):
    path, pip_user, _ = seen_by(image.python, disk.variables())
    assert pip_user == "1"
    assert disk.python_packages.is_dir()
    assert path.index(str(disk.python_packages)) < path.index(str(image.site_packages))
    assert seen_by(image.python, disk.variables())[0] == path


def test_what_pip_installs_is_importable_and_survives_the_image(image, disk, tmp_path):
    wheel = disk.wheel("tiny", files={"tiny.py": "def main(): print('hello')\n"}, commands=["tiny-hello=tiny:main"])
    image.pip("install", "tiny", variables=disk.variables())
    assert image.run("import tiny; print(tiny.__file__)", disk.variables()) == str(disk.python_packages / "tiny.py")
    assert printed(["/bin/sh", "-c", "tiny-hello"], disk.variables()) == "hello"
    wheel.unlink()
    anew = Image.create(tmp_path / "anew")
    assert anew.run("import tiny; tiny.main()", disk.variables()) == "hello"


def test_an_upgrade_leaves_the_images_package_alone_and_an_uninstallation_brings_it_back(disk, tmp_path):
    image = Image.create(tmp_path / "own")
    image.add(disk.wheel("tiny", "1.0"))
    disk.wheel("tiny", "2.0")
    variables = disk.variables()
    ask = "import tiny; print(tiny.version)"
    image.pip("install", "--upgrade", "tiny", variables=variables)
    assert image.run(ask, variables) == "2.0"
    assert image.run(ask, {"PATH": os.defpath}) == "1.0"
    disk.wheel("tiny", "3.0")
    image.pip("install", "--upgrade", "tiny", variables=variables)
    assert [path.name for path in disk.python_packages.glob("*.dist-info")] == ["tiny-3.0.dist-info"]
    image.pip("uninstall", "--yes", "tiny", variables=variables)
    assert image.run(ask, variables) == "1.0"


def test_packages_share_a_namespace_with_one_of_the_image(disk, tmp_path):
    image = Image.create(tmp_path / "own")
    image.add(disk.wheel("space_one", files={"space/one.py": "one = 1\n"}))
    disk.wheel("space_two", files={"space/two.py": "two = 2\n"})
    image.pip("install", "space_two", variables=disk.variables())
    assert image.run("from space.one import one; from space.two import two; print(one, two)", disk.variables()) == "1 2"


def test_another_version_does_not_see_them(image, disk):
    other = disk.folder.path / "lib" / "python3.1" / "site-packages"
    other.mkdir(parents=True)
    assert str(other) not in seen_by(image.python, disk.variables())[0]


@pytest.mark.parametrize("place", ["disk", "image"])
def test_a_virtual_environment_keeps_its_packages_to_itself(image, disk, tmp_path, place):
    python = virtual_environment(image.python, (disk.home if place == "disk" else tmp_path) / "own")
    disk.wheel("tiny")
    disk.python_packages.mkdir(parents=True)
    path, pip_user, _ = seen_by(python, disk.variables())
    assert str(disk.python_packages) not in path
    assert pip_user is None
    printed([python, "-m", "pip", "install", "tiny"], disk.variables())
    assert "own" in printed([python, "-c", "import tiny; print(tiny.__file__)"], disk.variables())
    assert list(disk.python_packages.iterdir()) == []


def test_from_within_it_the_images_pip_installs_onto_the_disk_again(image, disk, tmp_path):
    python = virtual_environment(image.python, disk.home / "own")
    code = f"import subprocess; print(subprocess.check_output(['{image.python}', '-c', {SEEN!r}], text=True))"
    assert json.loads(printed([python, "-c", code], disk.variables()))[1] == "1"


def test_a_virtual_environment_that_sees_the_system_uses_the_folder(image, disk, tmp_path):
    python = virtual_environment(image.python, tmp_path / "own", "--system-site-packages")
    disk.wheel("tiny")
    printed([python, "-m", "pip", "install", "tiny"], disk.variables())
    assert (disk.python_packages / "tiny.py").exists()
    assert printed([python, "-c", "import tiny; print(tiny.version)"], disk.variables()) == "1.0"


def test_an_environment_on_the_disk_such_as_condas_keeps_its_packages_to_itself(disk):
    conda = Image.create(disk.folder.path / "conda" / "envs" / "mine")
    disk.python_packages.mkdir(parents=True)
    path, pip_user, enabled = seen_by(conda.python, disk.variables())
    assert (str(disk.python_packages) in path, pip_user, enabled) == (False, None, False)
    assert str(conda.site_packages) in path


@pytest.mark.parametrize(
    ("more", "options"),
    [({}, ["--prefix=elsewhere"]), ({"PIP_TARGET": "elsewhere"}, [])],
)
def test_who_names_another_place_is_followed(image, disk, more, options):
    disk.wheel("tiny")
    image.pip("install", "tiny", *options, variables=disk.variables(**more))
    assert list((disk.home / "elsewhere").rglob("tiny.py"))
    assert not list(disk.folder.path.rglob("tiny.py"))


def test_the_images_own_startup_still_runs(disk, tmp_path):
    image = Image.create(tmp_path / "own")
    (image.site_packages / "sitecustomize.py").write_text("import sys; sys.images_own = 'ran'\n")
    assert image.run("import sys; print(sys.images_own)", disk.variables()) == "ran"


def test_a_folder_that_cannot_be_made_hinders_no_program(image, disk):
    disk.folder.path.write_text("in the way")
    assert image.run("print('runs')", disk.variables()) == "runs"


def test_a_server_never_imports_them(image, disk):
    disk.python_packages.mkdir(parents=True)
    (disk.python_packages / "tornado.py").write_text("raise SystemExit('not the tornado of the image')\n")
    assert run([image.python, "-c", "import tornado"], disk.variables()).returncode == 1
    assert printed([image.python, "-m", "jupyter_server", "--version"], disk.variables())[0].isdigit()


def test_nor_do_the_processes_that_a_server_starts_except_its_kernels_and_terminals(image, disk):
    starts = f"import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', {SEEN!r}], text=True))"
    server = disk.home / "jupyter-lab"
    server.write_text(f"import os; {starts}")
    path, _, _ = json.loads(printed([image.python, server], disk.variables()))
    assert str(disk.python_packages) not in path
    command = disk.home / "jupyter"
    command.write_text(starts)
    assert str(disk.python_packages) in json.loads(printed([image.python, command], disk.variables()))[0]
    assert disk.folder.variables({"PYTHONNOUSERSITE": "1"})["PYTHONNOUSERSITE"] == ""


def test_a_command_that_someone_installed_does(image, disk):
    disk.wheel("tiny", files={"tiny.py": "def main(): print('hello')\n"}, commands=["jupyter-lab=tiny:main"])
    image.pip("install", "tiny", variables=disk.variables())
    assert printed([disk.folder.commands / "jupyter-lab"], disk.variables()) == "hello"


def test_other_versions_of_python_run_the_startup_file(disk):
    """Those that are on the machine; a test's own version always is."""
    variables = disk.variables()
    for python in ("python3", *(f"python3.{minor}" for minor in range(8, 20))):
        path = shutil.which(python)
        if path and run([path, "-I", "-c", "pass"], variables).returncode == 0:
            assert "sitecustomize" in printed([path, "-c", "import sys; print(*sys.modules)"], variables).split()
            assert "Error" not in printed([path, "-c", ""], variables)


def test_the_variables_are_the_same_the_second_time(disk):
    once = disk.variables(PATH="/usr/bin:/bin", PYTHONPATH="/opt/lib", R_PROFILE_USER="~/mine.R")
    assert disk.folder.variables(once) == {name: once[name] for name in disk.folder.variables(once)}
    assert once["TERRA_ENV_R_PROFILE_USER"] == "~/mine.R"
    assert once["PYTHONPATH"] == f"{STARTUP}:/opt/lib"
    assert once["PATH"] == f"/usr/bin:/bin:{disk.folder.commands}"


def test_no_empty_entry_makes_the_working_directory_a_place_to_import_from(disk):
    assert disk.variables(PYTHONPATH="")["PYTHONPATH"] == str(STARTUP)


def test_without_a_setting_everything_stays_as_it_is():
    assert packages_folder("", {}) is None
    assert packages_folder("", {"TERRA_ENV_PACKAGES_FOLDER": "/a"}).path == packages_folder("/a/", {}).path


@pytest.mark.parametrize("value", ["packages", "/", "~/a:b"])
def test_a_folder_that_cannot_be_meant_is_refused(value):
    with pytest.raises(SettingsError, match=r"TerraEnvApp\.packages_folder: "):
        packages_folder(value, {})


def test_a_record_that_cannot_be_read_is_a_broken_package(disk):
    record = disk.python_packages / "tiny-1.0.dist-info"
    record.mkdir(parents=True)
    assert python_packages(VERSION, disk.python_packages).broken == ("tiny",)
    for version in ("1.0", "2.0"):
        shutil.unpack_archive(disk.wheel("other", version), disk.python_packages, "zip")
        (disk.python_packages / f"other-{version}.dist-info" / "INSTALLER").touch()
    assert python_packages(VERSION, disk.python_packages).broken == ("other", "tiny")
