"""What the equivalence suite and the benchmark share: the styles, the problems, the training and the verdicts."""

__version__ = "0.1.0"
