"""`python -m benchmarks.sampler OUT -m MODULE …`: runs MODULE and says where its CPU time went, by sampling.

Once the file OUT.go is there, a thread looks at the stacks of all other threads every 2 ms; one that used no CPU since
the last look does not count. Written when the process ends: samples per group of modules (the innermost one named in
GROUPS) and per function.
"""

import atexit
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL_S = 0.002
GROUPS = {
    "streams/limits": "alarm rule", "streams/alarms": "alarm rule", "streams/alarmlife": "alarm rule",
    "streams/signals": "criteria: quiet readings", "streams/watching": "criteria: what to look at",
    "streams/spans": "criteria: open spans", "streams/criteria": "criteria: open spans",
    "streams/classify": "criteria: judgements", "streams/admission": "admission", "streams/decode": "decoding",
    "schemas/frame": "decoding", "streams/pages": "memory pages", "streams/step": "step", "streams/worker": "step",
    "streams/landing": "landing rows", "warehouse": "Parquet and Delta", "aiokafka": "aiokafka", "faust": "Faust",
    "mode": "Faust", "kafka/": "registry tail", "streams/reader": "registry tail", "asyncio": "event loop",
    "streams/fastfetch": "Faust", "streams/faustapp": "Faust", "streams/processing": "step",
    "streams/transactions": "aiokafka", "schemas": "events and states", "streams/hazards": "events and states",
}  # fmt: skip


class Sampler(threading.Thread):
    def __init__(self, go: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self.go = go
        self.functions: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.clocks: dict[int, float] = {}

    def run(self) -> None:
        while not self.go.exists():
            time.sleep(0.05)
        while True:
            time.sleep(INTERVAL_S)
            for number, frame in sys._current_frames().items():
                if number != self.ident and self._ran(number):
                    self._count(frame)

    def _ran(self, number: int) -> bool:
        """Whether the thread has used CPU since the last look."""
        try:
            used = time.clock_gettime(time.pthread_getcpuclockid(number))
        except OSError:
            return False
        before = self.clocks.get(number, used)
        self.clocks[number] = used
        return used - before > INTERVAL_S / 4

    def _count(self, frame: FrameType | None) -> None:
        inner, group = "", ""
        while frame is not None and not group:
            name = frame.f_code.co_filename
            inner = inner or f"{'/'.join(name.split('/')[-2:])}:{frame.f_code.co_name}"
            group = next((label for part, label in GROUPS.items() if f"/{part}" in name), "")
            frame = frame.f_back
        self.functions[inner] += 1
        self.groups[group or "other"] += 1

    def report(self) -> str:
        total = sum(self.groups.values()) or 1
        lines = [f"{100 * n / total:5.1f} %  {name}" for name, n in self.groups.most_common()]
        lines += ["", *(f"{100 * n / total:5.1f} %  {name}" for name, n in self.functions.most_common(40))]
        return "\n".join(lines) + "\n"


def main() -> None:
    out, module = Path(sys.argv[1]), sys.argv[3]
    sampler = Sampler(Path(f"{out}.go"))
    atexit.register(lambda: out.write_text(sampler.report(), "utf-8"))
    sampler.start()
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
