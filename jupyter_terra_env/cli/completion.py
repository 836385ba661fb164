"""`jupyter terra-env completion`: prints the shell code that completes this command, made by argcomplete."""

import argparse
import os

from jupyter_terra_env.rules.errors import SettingsError

NAME = "completion"
HELP = "print the shell code that completes this command"

_COMMANDS = ["jupyter", "jupyter-terra-env"]
"""``jupyter`` runs its subcommands, and also completes those of other packages."""
_DESCRIPTION = """\
Print the shell code that completes 'jupyter terra-env' (and jupyter's other commands) with the Tab key.
"""
_EPILOG = """\
example, in the file that your shell reads at its start:
  eval "$(jupyter terra-env completion bash)"            ~/.bashrc
  eval "$(jupyter terra-env completion zsh)"             ~/.zshrc
  jupyter terra-env completion fish | source             ~/.config/fish/config.fish

exit codes: 0 done, 2 argcomplete is not installed
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print the lines.

    Returns:
        0.

    Raises:
        SettingsError: argcomplete is not installed.
    """
    try:
        from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - only here and while a shell completes
    except ImportError as error:
        raise SettingsError("Completion needs argcomplete: install it with 'pip install argcomplete'.") from error
    print(shellcode(_COMMANDS, shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Print completions and exit if a shell asks for them; otherwise do nothing.

    Args:
        parser: the command's parser.
    """
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete  # noqa: PLC0415 - only while a shell completes
    except ImportError:
        return
    argcomplete.autocomplete(parser)
