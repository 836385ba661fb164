"""`jupyter terra-env packages`: what is there, what is broken, and how another machine gets it."""

import json
import shutil
import subprocess
import tarfile

import pytest
from machines import variables_of
from packages_kit import VERSION, Disk, Image, disk, image, printed  # noqa: F401 - fixtures
from small_disks import small_disk

REQUIREMENTS = f"requirements-python{VERSION}.txt"


@pytest.fixture(scope="module")
def command(image):  # noqa: F811
    """The command of an image."""
    return image.command("jupyter-terra-env", "jupyter_terra_env.cli.main")


@pytest.fixture
def packages(command, disk):  # noqa: F811
    """Run the verb."""

    def run_verb(*arguments, on=disk, **variables):
        search_path = f"{command.parent}:/usr/bin:/bin"
        environ = {"PATH": search_path, "TERRA_ENV_PACKAGES_FOLDER": str(on.folder.path), **on.index, **variables}
        done = subprocess.run(
            [command, "packages", *map(str, arguments)],
            env=variables_of(on.home, **environ),
            cwd=on.home,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run_verb


@pytest.fixture
def new_disk(disk, tmp_path):  # noqa: F811
    """Another machine's disk, with the same package index."""
    (tmp_path / "new").mkdir()
    return Disk(home=tmp_path / "new", wheels=disk.wheels)


def reasons(report):
    return [trouble["reason"] for trouble in report["troubles"]]


def outcomes(done):
    return {each["name"]: (each["outcome"], each["message"]) for each in json.loads(done.stdout)["packages"]}


def test_what_was_installed_is_listed_and_another_machine_gets_the_same(packages, image, disk, new_disk):  # noqa: F811
    disk.wheel("tiny", "1.0", requires=["zebra"])
    disk.wheel("zebra", "1.0")
    image.pip("install", "tiny", variables=disk.variables())
    for name in ("tiny", "zebra"):
        disk.wheel(name, "2.0")
    listed = packages("list")
    assert listed.returncode == 0
    assert f"for Python {VERSION}:\n  tiny 1.0\n  zebra 1.0" in listed.stdout
    assert packages("freeze", "mine").stdout == f"mine/{REQUIREMENTS}\n"
    text = (disk.home / "mine" / REQUIREMENTS).read_text()
    assert text.splitlines()[1:] == ["tiny==1.0", "zebra==1.0"]

    restored = packages("restore", disk.home / "mine", on=new_disk)
    assert restored.returncode == 0
    assert f"[2/2] Python {VERSION}: zebra is there already\n2 of 2 packages are there." in restored.stdout
    assert image.run("import tiny, zebra; print(tiny.version, zebra.version)", new_disk.variables()) == "1.0 1.0"
    again = packages("restore", disk.home / "mine", "--json", on=new_disk, PIP_FIND_LINKS="/nowhere")
    assert outcomes(again) == {"zebra": ("present", ""), "tiny": ("present", "")}


def test_a_package_that_fails_is_named_in_a_sentence_and_the_others_are_installed(packages, disk):  # noqa: F811
    disk.wheel("tiny", "1.0")
    disk.wheel("needy", "1.0", requires=["missing"])
    (disk.home / REQUIREMENTS).write_text("gone==4.0\nneedy==1.0\ntiny==1.0  # with a comment\n")
    done = packages("restore", ".", "--json")
    assert done.returncode == 1
    assert outcomes(done) == {
        "gone": ("failed", f"The package index has no gone==4.0 for Python {VERSION}, or did not answer."),
        "needy": (
            "failed",
            f"The package index has no missing, which needy needs, for Python {VERSION}, or did not answer.",
        ),
        "tiny": ("installed", ""),
    }
    assert "gone failed: The package index" in done.stderr


def test_packages_of_another_version_of_python_are_said_to_be_and_can_be_had_for_this_one(packages, disk):  # noqa: F811
    old = disk.folder.path / "lib" / "python3.1" / "site-packages"
    old.mkdir(parents=True)
    shutil.unpack_archive(disk.wheel("tiny"), old, "zip")
    (old / "tiny-1.0.dist-info" / "INSTALLER").write_text("pip\n")
    (disk.folder.path / "bin").mkdir()
    (disk.folder.path / "bin" / "tiny").write_text("#!/gone/bin/python3.1\n")
    listed = packages("list", "--json")
    report = json.loads(listed.stdout)
    assert (listed.returncode, report["well"]) == (1, False)
    assert reasons(report) == ["version-not-here", "stale-command"]
    assert [(each["version"], each["is_here"]) for each in report["installed"]] == [("3.1", False)]
    assert "for Python 3.1, which is not here:\n  tiny 1.0" in packages("list").stdout

    packages("freeze", "mine")
    refused = packages("restore", "mine")
    assert refused.returncode == 1
    assert f"Python 3.1 is not here. To install it for another version, add --python VERSION (here: {VERSION}" in (
        refused.stdout
    )
    assert packages("restore", "mine", "--python", VERSION).returncode == 0
    assert (disk.python_packages / "tiny.py").exists()


@pytest.mark.parametrize("missing", ["INSTALLER", "dist-info"])
def test_what_is_half_installed_is_named_and_installed_again(packages, image, disk, missing):  # noqa: F811
    disk.wheel("tiny")
    image.pip("install", "tiny", variables=disk.variables())
    record = disk.python_packages / "tiny-1.0.dist-info"
    if missing == "dist-info":
        record.rename(record.with_name("~iny-1.0.dist-info"))
    else:
        (record / missing).unlink()
    report = json.loads(packages("list", "--json").stdout)
    assert (reasons(report), report["installed"][0]["broken"]) == (["broken-package"], ["tiny"])
    (disk.home / REQUIREMENTS).write_text("tiny==1.0\n")
    assert outcomes(packages("restore", ".", "--json")) == {"tiny": ("installed", "")}
    assert packages("list").returncode == 0


def test_a_package_from_a_file_is_not_taken_from_an_index_where_others_may_own_its_name(
    packages,
    image,  # noqa: F811
    disk,  # noqa: F811
):
    image.pip("install", disk.wheel("tiny"), variables=disk.variables())
    done = packages("freeze", "mine")
    assert "Not written down, because they came from a file or folder of a machine: tiny 1.0." in done.stdout
    lines = (disk.home / "mine" / REQUIREMENTS).read_text().splitlines()
    assert all(line.startswith("#") for line in lines)


def test_a_package_from_a_repository_keeps_its_address(packages, image, disk):  # noqa: F811
    disk.wheel("tiny")
    image.pip("install", "tiny", variables=disk.variables())
    origin = {"url": "https://example.org/tiny.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}
    (disk.python_packages / "tiny-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    packages("freeze", "mine")
    text = (disk.home / "mine" / REQUIREMENTS).read_text()
    assert text.endswith("tiny @ git+https://example.org/tiny.git@abc123\n")
    assert outcomes(packages("restore", "mine", "--json")) == {"tiny": ("present", "")}


@pytest.mark.parametrize("line", ["--index-url https://example.org", "-e .", "tiny", "tiny==1.0 --global-option=x"])
def test_a_manifest_with_options_is_refused(packages, disk, line):  # noqa: F811
    (disk.home / REQUIREMENTS).write_text(f"# ours\n{line}\n")
    done = packages("restore", ".")
    assert done.returncode == 2
    assert f"{REQUIREMENTS}, line 2: expected NAME==VERSION or NAME @ URL" in done.stderr


def test_without_a_manifest_or_a_folder_it_says_what_to_do(packages, disk):  # noqa: F811
    assert "There is no manifest in ." in packages("restore", ".", "--json").stderr
    done = packages("env", TERRA_ENV_PACKAGES_FOLDER="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No packages folder is set: set TerraEnvApp.packages_folder" in done.stderr
    assert "expected an absolute path" in packages("env", TERRA_ENV_PACKAGES_FOLDER="packages").stderr


def test_the_setting_of_the_server_counts(packages, disk):  # noqa: F811
    (disk.home / "config").mkdir()
    settings = {"TerraEnvApp": {"packages_folder": "~/elsewhere"}}
    (disk.home / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    done = packages("env", "--json", TERRA_ENV_PACKAGES_FOLDER="")
    assert json.loads(done.stdout)["PYTHONUSERBASE"] == str(disk.home / "elsewhere")


def test_a_start_script_installs_into_the_folder(command, disk):  # noqa: F811
    disk.wheel("tiny")
    script = f'eval "$({command} packages env --folder "$HOME/packages")" && python3 -m pip install tiny'
    printed(["/bin/sh", "-c", script], {**variables_of(disk.home), **disk.index, "PATH": f"{command.parent}:/bin"})
    assert (disk.python_packages / "tiny.py").exists()


def test_a_folder_that_cannot_be_used_is_named(packages, disk):  # noqa: F811
    disk.folder.path.write_text("in the way")
    (disk.home / REQUIREMENTS).write_text("tiny==1.0\n")
    sentence = f"The packages folder {disk.folder.path} cannot be used: {disk.folder.path} is not a folder."
    assert sentence in packages("restore", ".").stderr
    assert sentence in packages("list").stdout


def test_a_disk_that_runs_full_is_said_once_and_the_rest_is_left(packages, disk):  # noqa: F811
    disk.wheel("huge", files={"huge.txt": "x" * 30_000_000})
    disk.wheel("tiny")
    (disk.home / REQUIREMENTS).write_text("huge==1.0\ntiny==1.0\n")
    disk.folder.path.mkdir()
    with small_disk(disk.folder.path, size="20m"):
        done = packages("restore", ".", "--json")
        full = f"The disk of {disk.folder.path} is full: make room, then run this again."
        assert outcomes(done) == {"huge": ("failed", full), "tiny": ("not-tried", full)}
    with small_disk(disk.folder.path, size="1m"):
        assert f"The disk of the packages folder {disk.folder.path} is full" in packages("restore", ".").stderr


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed on this machine")
def test_packages_of_r_persist_are_listed_and_restored(packages, disk, new_disk, tmp_path):  # noqa: F811
    source = tmp_path / "tinyr"
    source.mkdir()
    fields = "Package: tinyr\nVersion: 1.0\nTitle: T\nDescription: D.\nLicense: GPL-2\nAuthor: A\n"
    (source / "DESCRIPTION").write_text(f"{fields}Maintainer: A <a@example.org>\n")
    (source / "NAMESPACE").write_text("")
    index = tmp_path / "cran" / "src" / "contrib"
    index.mkdir(parents=True)
    with tarfile.open(index / "tinyr_1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "tinyr")
    (index / "PACKAGES").write_text("Package: tinyr\nVersion: 1.0\n")
    for one in (disk, new_disk):
        (one.home / ".Rprofile").write_text(f'options(repos = c(CRAN = "file://{tmp_path}/cran"))\n')
    printed(["Rscript", "-e", 'install.packages("tinyr"); library(tinyr)'], disk.variables())
    (library,) = disk.folder.path.glob("R*.*/tinyr")
    version = library.parent.name.removeprefix("R")
    assert f"for R {version}:\n  tinyr 1.0" in packages("list").stdout
    assert packages("freeze", "mine").stdout == f"mine/packages-R{version}.txt\n"
    with (disk.home / "mine" / f"packages-R{version}.txt").open("a") as manifest:
        manifest.write("gone 1.0\n")
    done = packages("restore", disk.home / "mine", "--json", on=new_disk)
    assert outcomes(done) == {
        "tinyr": ("installed", ""),
        "gone": ("failed", f"R's package repositories have no gone for R {version}."),
    }
    printed(["Rscript", "-e", "library(tinyr)"], new_disk.variables())


def test_conda_environments_are_listed_and_left_to_conda(packages, disk):  # noqa: F811
    records = disk.folder.path / "conda" / "envs" / "mine" / "conda-meta"
    records.mkdir(parents=True)
    (records / "numpy-base-2.1.0-py312_0.json").write_text("{}")
    assert "for conda environment mine:\n  numpy-base 2.1.0" in packages("list").stdout
    assert "Use 'conda env export --name NAME'" in packages("freeze", "mine").stdout
