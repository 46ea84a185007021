"""What all runs of a ``results`` folder add up to: their rows as Parquet, the index over them, and questions to it.

A run's folder is the truth; its ``experiments.parquet`` is the scorecard as a flat table, and ``.history/`` beside the
runs is only an index, which can be deleted at any time.
"""
