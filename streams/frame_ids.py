"""Which frames have landed lately, so that a gateway that sends a file again doubles nothing. Pure: time is Kafka's."""

SPAN_US = 48 * 3_600_000_000
_BUCKET_US = 3_600_000_000
_MOST = 4_000_000  # ids kept at once, about 0.5 GB; beyond it the oldest hour goes first


class FrameIds:
    """The frame_ids landed within SPAN_US of the newest one added. `in` asks, `add` remembers and forgets."""

    def __init__(self) -> None:
        self._buckets: dict[int, set[bytes]] = {}
        self._count = 0

    def __contains__(self, frame_id: object) -> bool:
        packed = _packed(str(frame_id))
        return any(packed in bucket for bucket in self._buckets.values())

    def __len__(self) -> int:
        return self._count

    def add(self, frame_id: str, kafka_us: int) -> None:
        bucket = self._buckets.setdefault(kafka_us // _BUCKET_US, set())
        before = len(bucket)
        bucket.add(_packed(frame_id))
        self._count += len(bucket) - before
        self._forget()

    def _forget(self) -> None:
        if len(self._buckets) < 2:
            return
        newest, oldest = max(self._buckets), min(self._buckets)
        if oldest < newest - SPAN_US // _BUCKET_US or self._count > _MOST:
            self._count -= len(self._buckets.pop(oldest))
            self._forget()


def _packed(frame_id: str) -> bytes:
    """16 bytes for a uuid, which every frame_id of ours is; any other text as it is."""
    try:
        packed = bytes.fromhex(frame_id.replace("-", ""))
    except ValueError:
        return frame_id.encode()
    return packed if len(packed) == 16 else frame_id.encode()
