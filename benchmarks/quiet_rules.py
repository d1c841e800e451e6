"""`python -m benchmarks.quiet_rules [--rounds N]`: what sensor rules cost on frames where no trigger of theirs holds.

One coal site with 500 sensors of every signal and kind of place that a sensor rule for coal names, all at values at
which nothing is triggered; frames of 1,000 readings, recognised as regular and not. The criteria alone
(`SiteCriteria.on_frame`) take the same frames in turn without any sensor rule, with the catalogue's, and with each of
these ten times over under other ids. CPU seconds per million readings, medians of the rounds, and the ratios to no
rule; the spread says what is measurable. One process, one core, no broker.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np

from schemas.clauses import Clause
from schemas.criteria import Catalogue, concerns, load_catalogue
from schemas.frames import FrameHeader, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.vocabulary import vocabulary
from streams.classify import SiteCriteria
from streams.criteria import OPERATORS
from streams.decode import Frame, Record
from streams.regular import Layouts
from streams.signals import SiteSignals
from streams.siterules import site_rules

SITE = Site(site_id="quiet", industry="coal", simulated=True)
START_US, PERIOD_US = 1_782_835_200_000_000, 30_000_000
SENSORS, MOMENTS, COPIES = 500, 2, 10
_TRIED = (0.0, 1.0, 0.3, 0.5, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 20.9, 50.0, 100.0, 1000.0)


def sensor_clauses(catalogue: Catalogue) -> list[Clause]:
    bound = set(vocabulary().industry_ids(SITE.industry))
    return [each for each in catalogue.clauses.values() if each.triggers and concerns(each.industry, bound, True)]


def copied(catalogue: Catalogue, times: int) -> Catalogue:
    """The catalogue with each clause that a sensor triggers there `times` over; 0: without them."""
    asked = {clause.id: clause for clause in sensor_clauses(catalogue)}
    clauses = [each for each in catalogue.clauses.values() if each.id not in asked]
    for n in range(times):
        clauses += [each.model_copy(update={"id": f"{each.id}.copy{n}"}) for each in asked.values()]
    return Catalogue(catalogue.documents.values(), clauses, f"{catalogue.version}x{times}")


class QuietSite:
    """Places, sensors and a quiet value for each; `loud`: pairs of signal and place kind for which none was found."""

    def __init__(self, catalogue: Catalogue) -> None:
        words = vocabulary()
        pairs = sorted(
            {(trigger.q, kind) for clause in sensor_clauses(catalogue) for trigger in clause.triggers
             for kind in clause.places if kind in words.places and kind != "site"}
        )  # fmt: skip
        self.places: dict[str, Place] = {}
        self.sensors: dict[str, Sensor] = {}
        for n in range(SENSORS):
            signal, kind = pairs[n % len(pairs)]
            place = Place(place_id=f"P{n:03d}", site_id=SITE.site_id, kind=kind, area=str(n // len(pairs)))
            self.places[place.place_id] = place
            self.sensors[f"S{n:03d}"] = Sensor(
                sensor_id=f"S{n:03d}", site_id=SITE.site_id, place_id=place.place_id, signal=signal
            )
        signals = SiteSignals(SITE, self.places, self.sensors, words)
        rules = site_rules(signals, catalogue, SITE.industry)
        quiet: list[float] = []
        self.loud: set[tuple[str, str]] = set()
        for i, (sensor_id, sensor) in enumerate(sorted(self.sensors.items())):
            triggers = [each for rule in rules for each in rule.triggers_of(i)]
            margins = (
                (0.0,) if words.signals[sensor.signal].type != "number" else (-sensor.resolution, sensor.resolution)
            )
            found = [
                value for value in _TRIED
                if not any(
                    limit is None or OPERATORS[trigger.op](value + margin, limit)
                    for trigger, limit in triggers for margin in margins
                )
            ]  # fmt: skip
            if found:
                quiet.append(found[0])
            else:
                self.loud.add((sensor.signal, self.places[sensor.place_id].kind))
                del self.sensors[sensor_id]
        self.values = np.tile(np.array(quiet), MOMENTS)

    def frames(self, count: int) -> Iterator[Frame]:
        """Regular frames of `MOMENTS` readings of every sensor, time going on."""
        layouts, ids = Layouts(), sorted(self.sensors) * MOMENTS
        for n in range(count):
            moments = np.arange(n * MOMENTS, (n + 1) * MOMENTS)
            times = np.repeat(START_US + moments * PERIOD_US, len(self.sensors))
            batch = make_batch(ids, times, self.values, np.zeros(len(ids), "uint8"))
            header = FrameHeader(SITE.site_id, f"f{n}", "bench", int(times[-1]) + 1_000_000)
            yield Frame(
                Record("log", "telemetry.frames", 0, n, None, None), header, batch, None, layouts.recognise(batch)
            )


def cpu(criteria: SiteCriteria, frames: list[Frame]) -> float:
    """CPU seconds per million readings; raises SystemExit if a rule said anything."""
    criteria.on_frame(frames[0])
    began = time.process_time()
    said = [judgement for frame in frames[1:] for judgement in criteria.on_frame(frame)]
    used = time.process_time() - began
    if said:
        raise SystemExit(f"not quiet: {said[0].why}")
    return used / (sum(frame.batch.num_rows for frame in frames[1:]) / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quiet_rules", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=1_000)
    chosen = parser.parse_args()
    catalogue = load_catalogue()
    site = QuietSite(catalogue)
    kinds = {times: copied(catalogue, times) for times in (0, 1, COPIES)}
    signals = {sensor.signal for sensor in site.sensors.values()}
    print(f"{len(sensor_clauses(catalogue))} rules, {len(site.sensors)} sensors of {len(signals)} signals")
    print(f"never quiet, left out: {', '.join(f'{signal} at {kind}' for signal, kind in sorted(site.loud))}")
    regular = list(site.frames(chosen.frames))
    for name, frames in (("regular", regular), ("general", [replace(frame, regular=None) for frame in regular])):
        costs: dict[int, list[float]] = {times: [] for times in kinds}
        for n in range(chosen.rounds):
            for times in sorted(kinds, reverse=bool(n % 2)):
                costs[times].append(cpu(SiteCriteria(SITE, site.places, site.sensors, kinds[times]), frames))
        for times, found in costs.items():
            ratios = [one / none for one, none in zip(found, costs[0], strict=True)]
            print(f"{name}: rules x {times:2}   {median(found):.4f} CPU s/M   {median(ratios):.2f} x no rule"
                  f"   ({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


if __name__ == "__main__":
    main()
