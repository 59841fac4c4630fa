"""From tokens to a model that answers: shards, pretraining, instruction tuning, and the probe that sizes them.

Nothing heavy is imported here: `torch` comes in with the module that needs it, so that `sejong --help` stays instant.
"""
