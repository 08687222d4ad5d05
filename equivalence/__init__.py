"""The equivalence suite: what must be equal between the styles, and equal to the float64 reference."""
