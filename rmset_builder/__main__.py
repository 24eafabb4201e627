"""``python -m rmset_builder`` is ``rmset``."""

from rmset_builder.cli import main

main()
