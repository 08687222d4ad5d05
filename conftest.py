"""Hypothesis profiles for all suites: `pr` by default, `nightly` and `long` through --hypothesis-profile."""

from hypothesis import HealthCheck, settings

# The first example of a new shape is traced and compiled, which takes hundreds of times longer than the next one: no
# deadline, and no complaint about it. One failure at a time is explained rather than many at once.
settings.register_profile(
    "base", deadline=None, report_multiple_bugs=False, suppress_health_check=[HealthCheck.too_slow]
)
# The same code is judged on the same examples, until a module gains a number, some of which Hypothesis draws from; the
# other profiles look for new ones.
settings.register_profile("pr", settings.get_profile("base"), max_examples=20, derandomize=True)
# Twelve families of optimizers are compared with the reference, so that makes more than ten thousand problems a night.
settings.register_profile("nightly", settings.get_profile("base"), max_examples=850)
settings.register_profile("long", settings.get_profile("base"), max_examples=20_000)
settings.load_profile("pr")
