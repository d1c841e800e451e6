import os

from kafka.record import util
from kafka.record._crc32c import crc as counted_in_python

from streams.checksum import use_compiled


def test_kafka_python_uses_the_compiled_checksum_and_it_is_the_same():
    use_compiled()
    assert util.calc_crc32c(b"123456789") == 0xE3069283
    for data in (b"", os.urandom(1), os.urandom(4096)):
        assert util.calc_crc32c(memoryview(bytearray(data))) == counted_in_python(data)
    assert util.calc_crc32c.__defaults__ != (util.crc32c_py,)
