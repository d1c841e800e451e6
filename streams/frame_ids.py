"""Which frames have landed lately, so that a gateway that sends a file again doubles nothing. Pure: time is Kafka's."""

SPAN_US = 48 * 3_600_000_000
_BUCKET_US = 3_600_000_000
_MOST = 4_000_000  # ids kept at once, about 0.5 GB; beyond it the oldest hour goes first


class FrameIds:
    """The frame_ids landed within SPAN_US of the newest one added. `in` asks, `add` remembers and forgets."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._hours: dict[int, list[bytes]] = {}  # what was added, by hour, to be forgotten by hour

    def __contains__(self, frame_id: object) -> bool:
        return _packed(str(frame_id)) in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, frame_id: str, kafka_us: int) -> None:
        packed, hour = _packed(frame_id), kafka_us // _BUCKET_US
        if packed in self._known:
            return
        self._known.add(packed)
        if hour in self._hours:
            self._hours[hour].append(packed)
            if len(self._known) <= _MOST:
                return
        else:
            self._hours[hour] = [packed]
        self._forget()

    def _forget(self) -> None:
        while len(self._hours) > 1:
            newest, oldest = max(self._hours), min(self._hours)
            if oldest >= newest - SPAN_US // _BUCKET_US and len(self._known) <= _MOST:
                return
            self._known.difference_update(self._hours.pop(oldest))


def _packed(frame_id: str) -> bytes:
    """16 bytes for a uuid, which every frame_id of ours is; any other text as it is."""
    try:
        packed = bytes.fromhex(frame_id.replace("-", ""))
    except ValueError:
        return frame_id.encode()
    return packed if len(packed) == 16 else frame_id.encode()
