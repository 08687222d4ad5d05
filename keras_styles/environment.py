"""Environment: everything about machine and software that can change a number."""

from datetime import timedelta
from typing import Final

from pydantic import Field

from keras_styles.schema import Schema

# A machine that has not reported for so long, while others have, is taken for retired.
RETIRED: Final = timedelta(days=30)


def where(engine: str, device: str, machine: str) -> str:
    """Return where something was run, as every text says it."""
    return f"{engine} {device}, {machine}"


class Environment(Schema):
    """Everything about machine and software that can change a number; runs that differ in it are not comparable."""

    machine: str = Field(description="slug of the hardware: system, processor, cores, GPU; names a folder of results")
    cpu: str
    cores: int = Field(description="cores this process may use")
    memory_gib: float
    gpu: str | None
    gpu_driver: str | None
    system: str
    python: str
    numpy: str
    keras: str
    engine: str
    engine_version: str
    device: str
    threads: int = Field(description="threads the engine may use within and between operations")
    mode: str = Field(description="how the engine executes a step: graph, eager or xla")
    jit_compile: bool
    dtype_policy: str
    deterministic: bool
    tensor_float_32: bool
    commit: str | None = Field(description="commit of this project's checkout, with '+' when it was modified")

    @property
    def where(self) -> str:
        """Engine, device and machine."""
        return where(self.engine, self.device, self.machine)
