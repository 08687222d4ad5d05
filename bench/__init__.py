"""The benchmark: what each style costs."""
