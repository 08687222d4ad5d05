"""Schema: what everything that is kept in a file has in common."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Data that do not change once they were read, and hold no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
