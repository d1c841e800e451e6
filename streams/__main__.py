"""`python -m streams WHAT`: one long-running process each, or a one-time job on the broker."""

import argparse
from pathlib import Path

from schemas.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streams", description=__doc__)
    parser.add_argument("what", choices=["processing", "landing", "bootstrap", "embedded", "kafka"])
    parser.add_argument("--port", type=int, default=9092, help="of the broker that embedded and kafka start")
    parser.add_argument("--jars", type=Path, default=Path(".kafka/libs"), help="Apache Kafka's jars")
    parser.add_argument("--folder", type=Path, default=None, help="where the broker keeps pid, log and data")
    chosen = parser.parse_args()
    settings = Settings()
    match chosen.what:
        case "processing":
            from streams.processing import main as process

            process(settings)
        case "landing":
            from streams.landing import main as land

            land()
        case "bootstrap":
            from streams.connect import bootstrap_servers, ensure_topics
            from streams.publishing import publish_built_in

            servers = bootstrap_servers(settings)
            made = ensure_topics(servers, patience_s=120)
            print(f"{len(made)} topics created" if made else "all topics were there")
            if version := publish_built_in(servers):
                print(f"criteria catalogue {version} published")
        case "embedded" | "kafka":
            from streams import broker

            folder = chosen.folder or (settings.run if chosen.what == "embedded" else settings.data / "kafka")
            broker.main(folder, chosen.jars if chosen.what == "kafka" else None, chosen.port)


if __name__ == "__main__":
    main()
