"""``python -m rnnverify`` is the command line."""

from rnnverify.cli import main

main()
