"""The ledger: one chain over all manifests of a run, and the check of every byte against it."""
