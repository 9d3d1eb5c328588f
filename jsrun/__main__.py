"""`python -m jsrun`: the command line."""

from jsrun._cli import main

raise SystemExit(main())
