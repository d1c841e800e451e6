"""The two settings every process reads, and where things lie below the data folder."""

from functools import cached_property
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """QINGLING_DATA, QINGLING_KAFKA, QINGLING_LAKE_URL, QINGLING_CLOCK from the environment.

    `lake_url` is empty (the lake is a folder below `data`) or `s3://bucket/prefix`; address and keys of the storage
    come from the usual AWS_* variables. `kafka` is `embedded` or bootstrap servers. `clock` is `wall`, or `data` when a
    recorded series is replayed: the steps' `now` then follows the data.
    """

    model_config = SettingsConfigDict(env_prefix="QINGLING_")

    data: Path = Path("data")
    kafka: str = "embedded"
    lake_url: str = ""
    clock: str = "wall"
    # seconds between two landings of what has arrived; the demo lands often, an installation rarely needs to
    flush_s: float = 2.0

    @cached_property
    def lake(self) -> Path:
        return self.data / "lake"

    @property
    def lake_location(self) -> Path | str:
        """Where the lake is: `lake`, or the address in `lake_url`."""
        return self.lake_url or self.lake

    @cached_property
    def warehouse(self) -> Path:
        return self.data / "warehouse"

    @cached_property
    def run(self) -> Path:
        """Pids, ports, sockets and logs of what runs now."""
        return self.data / "run"

    @property
    def seeding(self) -> Path:
        """Stands while states are being sent to an empty broker: a worker loads none before it is gone."""
        return self.run / "seeding"
