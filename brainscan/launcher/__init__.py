"""Starts a whole site on one machine: what `make run` calls.

The command `run_site` locks DATA_DIR, migrates, starts the embedded Valkey, then web, worker and beat as one process
tree, says when and where the site can be used, and ends all of it together. Nothing else in the product imports this
package, and a deployment with its own supervisor does without it.
"""
