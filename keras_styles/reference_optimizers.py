"""The first-order optimizers of the reference, written from their definitions over numbers that carry their error.

Each takes its quantities by name (`theta` and the optimizer's own) and a gradient, and returns the next ones. Names and
numbers of equations are those of `reference_bound.md`; the definitions are of the papers named at each.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_styles.affine import Affine, Rounding, exactly
from keras_styles.recipes import SCHEDULES, Recipe

Quantities = dict[str, Affine]

# A power, a quotient or a root may be an approximation of the engine's vector library: within two units in the last
# place, so four roundings.
APPROXIMATION_ROUNDINGS = 4
# No schedule rounds more often, and none works on numbers above its first learning rate.
SCHEDULE_ROUNDINGS = 12


@dataclass(frozen=True)
class Rate:
    """A learning rate and the absolute error that the engine may make in computing it."""

    value: float
    error: float = 0.0


class Optimizer:
    """One optimizer with its options, in the arithmetic of the recipe's dtype.

    Args:
        recipe: with an optimizer of `UPDATES`.
        rounding: of the weights' arithmetic.
        cast_through: the dtype that a Python number passes through where Keras casts it.
        variables: the numbers of each variable within the flat vector of all.
    """

    def __init__(self, recipe: Recipe, rounding: Rounding, cast_through: str, variables: Sequence[slice]) -> None:
        self.recipe = recipe
        self.rounding = rounding
        self._cast_through = cast_through
        self._variables = variables

    def begin(self, theta: Affine) -> Quantities:
        """Return the quantities before the first step."""
        zeros = exactly(np.zeros_like(theta.value))
        recipe = self.recipe
        quantities = {"theta": theta}
        if recipe.optimizer == "adagrad":
            first = self.constant(recipe.option("initial_accumulator_value", 0.1))
            quantities["v"] = exactly(np.full_like(theta.value, first))
        if recipe.optimizer in ("rmsprop", "adam", "adamw"):
            quantities["v"] = zeros
        if recipe.optimizer in ("adam", "adamw") or recipe.option("momentum"):
            quantities["m"] = zeros
        if recipe.option("gradient_accumulation_steps"):
            quantities["accumulated"] = zeros
        return quantities

    def step(self, now: Quantities, gradient: Affine, taken: int) -> Quantities:
        """Take the step after `taken` others: accumulate, clip, decay, update, average, in Keras' order (8)."""
        every = self.recipe.option("gradient_accumulation_steps") or 1
        updates = taken // every
        after = dict(now)
        if every > 1:
            total = (now["accumulated"] + gradient).rounded(self.rounding)
            if (taken + 1) % every:
                after["accumulated"] = total
                return self._averaged(after, updates)
            gradient = total.scaled(1 / every).rounded(self.rounding, 2)
            after["accumulated"] = exactly(np.zeros_like(gradient.value), gradient.directions.shape[1])
        rate = self.rate(taken)
        after["theta"] = self._decayed(now["theta"], rate)
        after = UPDATES[self.recipe.optimizer](self, after, self._clipped(gradient), rate, updates + 1)
        return self._averaged(after, updates)

    def constant(self, number: float) -> float:
        """Return a Python number as the engine holds it beside the weights."""
        return float(np.asarray(number, dtype=self.recipe.variable_dtype))

    def cast(self, number: float) -> float:
        """Return a Python number as it comes out of `keras.ops.cast`, which some numbers pass and others do not."""
        return float(np.asarray(number, dtype=self._cast_through))

    def rate(self, taken: int) -> Rate:
        """Return the learning rate after so many steps."""
        if self.recipe.schedule is None:
            return Rate(self.constant(self.recipe.learning_rate))
        # A schedule starts from a Python number and computes in what that is cast to.
        first = self.cast(self.recipe.learning_rate)
        factor = _SCHEDULES[self.recipe.schedule](taken)
        return Rate(first * factor, Rounding(self._cast_through).gamma(SCHEDULE_ROUNDINGS) * first)

    def taken_at(self, rate: Rate, direction: Affine) -> Affine:
        """Multiply by a learning rate."""
        return direction.scaled(rate.value).widened(rate.error * direction.magnitude).rounded(self.rounding)

    def mixed(self, old: Affine, new: Affine, weight: float) -> Affine:
        """Return (1 - weight) old + weight new, in whichever of its forms the engine computes it (9)."""
        mixture = old.scaled(1 - weight) + new.scaled(weight)
        largest = old.magnitude + weight * (old.magnitude + new.magnitude)
        return mixture.rounded(self.rounding, 4, largest)

    def quotient(self, dividend: Affine, divisor: Affine) -> Affine:
        """Divide by numbers that are positive."""
        return dividend.times(divisor.reciprocal()).rounded(self.rounding, APPROXIMATION_ROUNDINGS)

    def root(self, number: Affine) -> Affine:
        """Take the square root of numbers that are not negative."""
        return number.square_root().rounded(self.rounding, APPROXIMATION_ROUNDINGS)

    def _clipped(self, gradient: Affine) -> Affine:
        option = self.recipe.option
        if limit := option("clipnorm"):
            return self._limited_in_norm(gradient, self.constant(limit), self._variables)
        if limit := option("global_clipnorm"):
            return self._limited_in_norm(gradient, self.constant(limit), [slice(None)])
        if limit := option("clipvalue"):
            return gradient.clipped(self.constant(limit)).rounded(self.rounding)
        return gradient

    def _limited_in_norm(self, gradient: Affine, limit: float, groups: Sequence[slice]) -> Affine:
        """Scale each group by limit / max(norm, limit) (10)."""
        squares = gradient.square().rounded(self.rounding)
        value, directions = gradient.value.copy(), gradient.directions.copy()
        local = gradient.local.copy()
        for group in groups:
            total = Affine(
                squares.value[group].sum(keepdims=True),
                squares.directions[group].sum(axis=0, keepdims=True),
                squares.local[group].sum(keepdims=True),
            ).rounded(self.rounding, len(gradient.value))
            norm = self.root(total)
            radius = norm.radius
            # At equality either branch gives the same numbers.
            if norm.value + radius <= limit:
                divisor = exactly(np.array([limit]), norm.directions.shape[1])
            elif norm.value - radius >= limit:
                divisor = norm
            else:  # either side: the larger of two numbers moves no further than they do
                directionless = np.zeros_like(norm.directions)
                divisor = Affine(np.maximum(norm.value, limit), directionless, radius)
            members = Affine(value[group], directions[group], local[group])
            factor = divisor.reciprocal().scaled(limit)
            spread = Affine(*(np.repeat(part, len(members.value), axis=0) for part in vars(factor).values()))
            # With the global norm Keras forms both reciprocals first, hence two quotients and two products.
            limited = members.times(spread).rounded(self.rounding, 2 * APPROXIMATION_ROUNDINGS + 2)
            value[group], directions[group], local[group] = limited.value, limited.directions, limited.local
        return Affine(value, directions, local)

    def _decayed(self, theta: Affine, rate: Rate) -> Affine:
        """Shrink the weights: theta - theta decay rate (Loshchilov and Hutter 2019)."""
        decay = self.recipe.option("weight_decay", 0.004 if self.recipe.optimizer == "adamw" else None)
        if decay is None:
            return theta
        share = self.cast(decay) * rate.value
        error = self.cast(decay) * rate.error + self.rounding.gamma(2) * share
        return theta.scaled(1 - share).widened(error * theta.magnitude).rounded(self.rounding)

    def _averaged(self, after: Quantities, updates: int) -> Quantities:
        """Follow the weights with an exponential moving average, and overwrite them with it as often as asked."""
        option = self.recipe.option
        if not option("use_ema"):
            return after
        theta = after["theta"]
        weight = 1 - option("ema_momentum", 0.99)
        average = self.mixed(after["average"], theta, weight) if updates else theta
        every = option("ema_overwrite_frequency")
        overwritten = every and (updates + 1) % every == 0
        return after | {"average": average, "theta": average if overwritten else theta}


def _sgd(optimizer: Optimizer, now: Quantities, gradient: Affine, rate: Rate, update: int) -> Quantities:
    """Gradient descent, with momentum and Nesterov's look ahead if asked (Sutskever et al. 2013) (11)."""
    del update
    rounding, theta = optimizer.rounding, now["theta"]
    descent = optimizer.taken_at(rate, gradient)
    momentum = optimizer.cast(optimizer.recipe.option("momentum", 0.0))
    if not momentum:
        return now | {"theta": (theta - descent).rounded(rounding)}
    velocity = (now["m"].scaled(momentum).rounded(rounding, 2) - descent).rounded(rounding)
    if not optimizer.recipe.option("nesterov"):
        return now | {"m": velocity, "theta": (theta + velocity).rounded(rounding)}
    ahead = velocity.scaled(momentum).rounded(rounding, 2)
    largest = theta.magnitude + ahead.magnitude + descent.magnitude
    return now | {"m": velocity, "theta": (theta + ahead - descent).rounded(rounding, 2, largest)}


def _rmsprop(optimizer: Optimizer, now: Quantities, gradient: Affine, rate: Rate, update: int) -> Quantities:
    """Divide by the root of a moving average of squares (Tieleman and Hinton 2012) (12)."""
    del update
    rounding, option = optimizer.rounding, optimizer.recipe.option
    v = optimizer.mixed(now["v"], gradient.square().rounded(rounding), 1 - option("rho", 0.9))
    step = optimizer.quotient(optimizer.taken_at(rate, gradient), optimizer.root(_with_epsilon(optimizer, v)))
    after = now | {"v": v}
    if momentum := optimizer.constant(option("momentum", 0.0)):
        step = (now["m"].scaled(momentum).rounded(rounding, 2) + step).rounded(rounding)
        after["m"] = step
    return after | {"theta": (now["theta"] - step).rounded(rounding)}


def _adagrad(optimizer: Optimizer, now: Quantities, gradient: Affine, rate: Rate, update: int) -> Quantities:
    """Divide by the root of the sum of all squares (Duchi, Hazan and Singer 2011) (13)."""
    del update
    rounding = optimizer.rounding
    v = (now["v"] + gradient.square().rounded(rounding)).rounded(rounding)
    step = optimizer.quotient(optimizer.taken_at(rate, gradient), optimizer.root(_with_epsilon(optimizer, v)))
    return now | {"v": v, "theta": (now["theta"] - step).rounded(rounding)}


def _adam(optimizer: Optimizer, now: Quantities, gradient: Affine, rate: Rate, update: int) -> Quantities:
    """Divide the average gradient by the root of the average square (Kingma and Ba 2015, section 2) (14)."""
    rounding, option = optimizer.rounding, optimizer.recipe.option
    beta_1, beta_2 = option("beta_1", 0.9), option("beta_2", 0.999)
    m = optimizer.mixed(now["m"], gradient, 1 - beta_1)
    v = optimizer.mixed(now["v"], gradient.square().rounded(rounding), 1 - beta_2)
    corrected = _bias_corrected(optimizer, rate, beta_1, beta_2, update)
    step = optimizer.quotient(optimizer.taken_at(corrected, m), _with_epsilon(optimizer, optimizer.root(v)))
    return now | {"m": m, "v": v, "theta": (now["theta"] - step).rounded(rounding)}


def _bias_corrected(optimizer: Optimizer, rate: Rate, beta_1: float, beta_2: float, update: int) -> Rate:
    """Return the rate that makes up for averages that began at zero.

    One less a power close to one loses digits; what is lost is the same for all weights and all of one sign.
    """
    unseen_1, error_1 = _unseen(optimizer, beta_1, update)
    unseen_2, error_2 = _unseen(optimizer, beta_2, update)
    factor = math.sqrt(unseen_2) / unseen_1
    relative = math.sqrt(1 + error_2) / (1 - error_1) - 1 + optimizer.rounding.gamma(2 * APPROXIMATION_ROUNDINGS + 1)
    value = rate.value * factor
    return Rate(value, rate.error * factor * (1 + relative) + value * relative)


def _unseen(optimizer: Optimizer, beta: float, update: int) -> tuple[float, float]:
    """Return 1 - beta^update and the relative error of computing it."""
    power = optimizer.cast(beta) ** update
    unseen = 1 - power
    return unseen, optimizer.rounding.gamma(APPROXIMATION_ROUNDINGS) * power / unseen + optimizer.rounding.unit


def _with_epsilon(optimizer: Optimizer, number: Affine) -> Affine:
    epsilon = optimizer.constant(optimizer.recipe.option("epsilon", 1e-7))
    added = exactly(np.full_like(number.value, epsilon), number.directions.shape[1])
    return (number + added).rounded(optimizer.rounding)


UPDATES: dict[str, Callable[[Optimizer, Quantities, Affine, Rate, int], Quantities]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adam,
}

# What the updates above and `Optimizer.step` heed; a recipe with any other option has no reference.
OPTIONS = frozenset(
    {
        *("momentum", "nesterov", "rho", "epsilon", "initial_accumulator_value", "beta_1", "beta_2"),
        *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps"),
        *("use_ema", "ema_momentum", "ema_overwrite_frequency"),
    }
)


def _exponential(step: int) -> float:
    arguments = SCHEDULES["exponential"][1]
    return float(arguments["decay_rate"] ** (step / arguments["decay_steps"]))


def _inverse_time(step: int) -> float:
    arguments = SCHEDULES["inverse_time"][1]
    return float(1 / (1 + arguments["decay_rate"] * step / arguments["decay_steps"]))


def _polynomial(step: int) -> float:
    arguments = SCHEDULES["polynomial"][1]
    left = 1 - min(step / arguments["decay_steps"], 1)
    end = arguments["end_learning_rate"]
    return float((1 - end) * left ** arguments["power"] + end)


def _cosine(step: int) -> float:
    arguments = SCHEDULES["cosine"][1]
    share = min(step / arguments["decay_steps"], 1)
    alpha = arguments["alpha"]
    return float((1 - alpha) * (1 + math.cos(math.pi * share)) / 2 + alpha)


def _piecewise(step: int) -> float:
    arguments = SCHEDULES["piecewise"][1]
    passed = sum(step > boundary for boundary in arguments["boundaries"])
    return float(arguments["values"][passed])


_SCHEDULES: dict[str, Callable[[int], float]] = {
    "exponential": _exponential,
    "inverse_time": _inverse_time,
    "polynomial": _polynomial,
    "cosine": _cosine,
    "piecewise": _piecewise,
}
SCHEDULES_WITH_REFERENCE = frozenset(_SCHEDULES)
