"""`python -m esb`: the command line."""

from esb.cli import main

main()
