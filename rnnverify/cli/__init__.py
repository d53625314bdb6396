"""The command line: ``rnnverify verify``, ``replay``, ``new-test``, ``mutants``, ``systems``."""

import sys

import click

from rnnverify import __version__
from rnnverify.cli.mutants import mutants
from rnnverify.cli.new_test import new_test
from rnnverify.cli.process import OWN_PROCESS
from rnnverify.cli.replay import replay
from rnnverify.cli.systems import systems
from rnnverify.cli.verify import verify
from rnnverify.errors import RnnverifyError

EPILOG = "Exit codes: 0 all match, 1 a gradient does not, 2 bad usage or an invalid candidate."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rnnverify")
def cli() -> None:
    """Check hand-written gradients of recurrent networks against automatic differentiation."""


cli.add_command(verify)
cli.add_command(replay)
cli.add_command(new_test)
cli.add_command(mutants)
cli.add_command(systems)


def main() -> None:
    """Run the command line; errors of ours become a message and exit code 2."""
    try:
        cli(obj=OWN_PROCESS)
    except RnnverifyError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
