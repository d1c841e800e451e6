"""CRC-32C of Kafka's record batches in compiled code.

kafka-python takes it from the package `crc32c` if that is there and else counts byte by byte in Python: 0.4 ms per
kilobyte, more than everything else a producer does. aiokafka, which we have, carries a compiled one (1 µs).
"""

from aiokafka.record.util import calc_crc32c as compiled
from kafka.record import util


def use_compiled() -> None:
    """Make every kafka-python producer and consumer of this process use it; does nothing if `crc32c` is installed."""
    if util.crc32c_c is None:
        util.calc_crc32c.__defaults__ = (compiled,)
