"""Starts a whole site on one machine: what `make run` calls.

`python -m brainscan.launcher` locks DATA_DIR, sees to a secret key and hands over to the command `run_site`, which
migrates, starts the embedded Valkey, then web, worker and beat as one process tree, and ends all of it together.
Nothing else in the product imports this package, and a deployment with its own supervisor does without it.
"""
