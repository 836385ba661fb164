"""`jupyter terra-env packages`: what is installed in the folder of packages, and how to install it anew elsewhere."""

import argparse
import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jupyter_terra_env.cli.json_errors import trouble
from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.environment.packages.folder import FOLDER_VARIABLE, PackagesFolder, packages_folder
from jupyter_terra_env.environment.packages.installed import Language, PackageSet, installed
from jupyter_terra_env.environment.packages.interpreters import Interpreters, find_interpreters
from jupyter_terra_env.environment.packages.manifest import Manifest, read_manifests, write_manifests
from jupyter_terra_env.environment.packages.restoring import Outcome, Restoring, Result
from jupyter_terra_env.environment.packages.troubles import LANGUAGE_NAMES, counted, find_troubles, is_here
from jupyter_terra_env.rules.errors import SettingsError

NAME = "packages"
HELP = "list the packages that persist, write them down, and install them anew on another machine"

Report = dict[str, Any]
"""What is printed as JSON."""

_DESCRIPTION = """\
Packages that people install in kernels and terminals (pip install, install.packages(), conda create) persist in a
folder on the persistent disk, if an operator has set one: TerraEnvApp.packages_folder or the variable
TERRA_ENV_PACKAGES_FOLDER.
"""
_EPILOG = """\
examples:
  jupyter terra-env packages list                     what is there, and what of it cannot be used
  jupyter terra-env packages freeze my-packages       write what is there into files of the folder my-packages
  jupyter terra-env packages restore my-packages      install what these files name; again after an interruption
  jupyter terra-env packages restore my-packages --python 3.12    ... for another version of Python
  eval "$(jupyter terra-env packages env)"            in a start script: the same variables as in a terminal of Jupyter

exit codes: 0 done, 1 something is broken or was not installed (it is named), 2 the command could not run as asked
"""
_NO_FOLDER = (
    "No packages folder is set: set TerraEnvApp.packages_folder in jupyter_server_config.py or the variable "
    f"{FOLDER_VARIABLE}, or name a folder with --folder."
)
_WORDS = {
    Outcome.INSTALLED: "installed",
    Outcome.PRESENT: "is there already",
    Outcome.FAILED: "failed",
    Outcome.NOT_TRIED: "not tried",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    _common(parser, default=None)
    acts = parser.add_subparsers(dest="act", metavar="ACT", title="acts (default: list)")
    _act(acts, "list", "what is installed, by language and version, and what of it cannot be used")
    freeze = _act(acts, "freeze", "write what is installed into files, from which another machine installs it anew")
    freeze.add_argument("to", type=Path, metavar="DIR", help="folder for the files")
    restore = _act(acts, "restore", "install what the files of 'freeze' name; what is there already is left alone")
    restore.add_argument("source", type=Path, metavar="DIR", help="folder of the files")
    restore.add_argument("--python", metavar="VERSION", help="install Python's packages for this version, such as 3.12")
    _act(acts, "env", "print the variables as shell exports, for start scripts")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0 when it was done, 1 if something is broken or was not installed.

    Raises:
        SettingsError: no folder is set, or a file is missing or malformed.
    """
    folder = _folder(arguments.folder)
    match arguments.act:
        case "freeze":
            return _freeze(folder, arguments)
        case "restore":
            return _restore(folder, arguments)
        case "env":
            return _env(folder, as_json=arguments.json)
        case _:
            return _list(folder, as_json=arguments.json)


def _act(acts: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    # A value given before the act's name is not to be replaced by a default after it.
    _common(parser, default=argparse.SUPPRESS)
    return parser


def _common(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--folder", default=default, metavar="DIR", help="the packages folder (default: as set)")
    json_default = False if default is None else default
    parser.add_argument("--json", action="store_true", default=json_default, help="print the report as JSON")


def _folder(given: str | None) -> PackagesFolder:
    if given is not None:
        return PackagesFolder(path=Path(given).expanduser().absolute())
    # First the variable: start scripts and terminals have it, and Jupyter's own code takes a second to import.
    folder = packages_folder("", os.environ)
    if folder is not None:
        return folder
    from jupyter_terra_env.cli.server_settings import load  # noqa: PLC0415 - slow to import

    path = load(None).packages_folder
    if path is None:
        raise SettingsError(_NO_FOLDER)
    return PackagesFolder(path=path)


def _env(folder: PackagesFolder, *, as_json: bool) -> int:
    variables = folder.variables(os.environ)
    if as_json:
        say_json(variables)
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
    return 0


def _list(folder: PackagesFolder, *, as_json: bool) -> int:
    sets = tuple(installed(folder))
    here = _interpreters(folder)
    troubles = [trouble(found.kind.value, found.message) for found in find_troubles(folder, sets, here)]
    report = {
        "folder": str(folder.path),
        "well": not troubles,
        "free_bytes": folder.free_bytes(),
        "installed": [_set_report(each, here) for each in sets],
        "troubles": troubles,
    }
    say_json(report) if as_json else say(_list_text(report))
    return 0 if report["well"] else 1


def _set_report(packages: PackageSet, here: Interpreters) -> Report:
    return {
        "language": packages.language.value,
        "version": packages.version,
        "is_here": is_here(packages, here),
        "directory": str(packages.directory),
        "packages": [{"name": package.name, "version": package.version} for package in packages.packages],
        "broken": list(packages.broken),
    }


def _interpreters(folder: PackagesFolder) -> Interpreters:
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415 - slow to import

    specs = KernelSpecManager().get_all_specs().values()
    programs = [str(spec["spec"]["argv"][0]) for spec in specs if spec["spec"].get("argv")]
    return find_interpreters(folder, os.environ, programs)


def _list_text(report: Report) -> str:
    lines = [f"Packages in {report['folder']} ({report['free_bytes'] / 1e9:.1f} GB free)"]
    for each in report["installed"]:
        where = "" if each["is_here"] else ", which is not here"
        lines.append(f"for {LANGUAGE_NAMES[Language(each['language'])]} {each['version']}{where}:")
        lines += [f"  {package['name']} {package['version']}" for package in each["packages"]]
    if not report["installed"]:
        lines.append("Nothing is installed there.")
    if report["troubles"]:
        lines += ["", "Problems:", *(f"  - {each['message']}" for each in report["troubles"])]
    return "\n".join(lines)


def _freeze(folder: PackagesFolder, arguments: argparse.Namespace) -> int:
    sets = tuple(installed(folder))
    files = write_manifests(sets, arguments.to)
    local = [f"{each.name} {each.version}" for found in sets for each in found.packages if each.is_local]
    conda = [found.version for found in sets if found.language is Language.CONDA]
    if arguments.json:
        say_json({"files": [str(file) for file in files], "local": local, "conda_environments": conda})
        return 0
    say("\n".join(map(str, files)) if files else f"Nothing is installed in {folder.path}.")
    if local:
        say(f"Not written down, because they came from a file or folder of a machine: {', '.join(local)}.")
    if conda:
        say(f"Not written down: conda environments ({', '.join(conda)}). Use 'conda env export --name NAME'.")
    return 0


def _restore(folder: PackagesFolder, arguments: argparse.Namespace) -> int:
    manifests = read_manifests(arguments.source)
    why = folder.why_not_usable()
    if why is not None:
        raise SettingsError(why)
    restoring = Restoring(folder, _interpreters(folder), os.environ)
    # With --json, stdout has nothing but the report.
    progress = complain if arguments.json else say
    try:
        results = list(_progressing(restoring, manifests, arguments.python, progress))
    except KeyboardInterrupt:
        complain("Interrupted. What was installed stays; the same command continues from here.")
        raise
    left = [result for result in results if result.outcome in {Outcome.FAILED, Outcome.NOT_TRIED}]
    if arguments.json:
        say_json({"well": not left, "packages": [_result_report(result) for result in results]})
    else:
        say(f"{len(results) - len(left)} of {counted(len(results))} are there.")
    return 1 if left else 0


def _progressing(
    restoring: Restoring, manifests: Iterable[Manifest], version: str | None, progress: Any
) -> Iterator[Result]:
    for manifest in manifests:
        reasons: set[str] = set()
        total = len(manifest.wanted)
        for number, result in enumerate(restoring.restore(manifest, version), 1):
            # A reason that holds for all the rest is shown once.
            new = result.message not in reasons or result.outcome is Outcome.FAILED
            reasons.add(result.message)
            why = f": {result.message}" if result.message and new else ""
            name = f"{LANGUAGE_NAMES[result.language]} {result.version}"
            progress(f"[{number}/{total}] {name}: {result.name} {_WORDS[result.outcome]}{why}")
            yield result


def _result_report(result: Result) -> Report:
    return {
        "language": result.language.value,
        "version": result.version,
        "name": result.name,
        "outcome": result.outcome.value,
        "message": result.message,
    }
