"""Runs a whole site on one machine, for `make run`.

The command `run_site` locks DATA_DIR, migrates, starts the embedded Valkey, then web, worker and beat as one process
tree, announces when and where the site is ready, and stops everything together. Nothing else imports this package;
deployments with their own supervisor do without it.
"""
