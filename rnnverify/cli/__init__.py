"""The command line: ``rnnverify`` and its commands, each in a file of its own."""

import sys

import click

from rnnverify import __version__
from rnnverify.cli.corpus import corpus
from rnnverify.cli.doctor import doctor
from rnnverify.cli.gate import gate
from rnnverify.cli.mutants import mutants
from rnnverify.cli.new_test import new_test
from rnnverify.cli.process import OWN_PROCESS
from rnnverify.cli.replay import replay
from rnnverify.cli.systems import systems
from rnnverify.cli.verify import verify
from rnnverify.errors import RnnverifyError

EPILOG = "Exit codes: 0 all is well, 1 a gradient is not, 2 bad usage or an invalid candidate."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rnnverify")
def cli() -> None:
    """Check hand-written gradients of recurrent networks against automatic differentiation."""


cli.add_command(verify)
cli.add_command(replay)
cli.add_command(new_test)
cli.add_command(gate)
cli.add_command(corpus)
cli.add_command(mutants)
cli.add_command(systems)
cli.add_command(doctor)


def main() -> None:
    """Run the command line; errors of ours become a message and exit code 2."""
    try:
        cli(obj=OWN_PROCESS)
    except RnnverifyError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
