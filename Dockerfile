# syntax=docker/dockerfile:1
# One image for every process of Qingling; docker-compose.yml gives each its command.

FROM python:3.11-slim AS build
RUN python -m venv /opt/qingling
ENV PATH=/opt/qingling/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The lock first: the layer of the dependencies is made anew only when the lock changes.
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY streams streams
COPY warehouse warehouse
COPY pipelines pipelines
COPY console console
RUN pip install --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN groupadd --gid 10001 qingling \
 && useradd --uid 10001 --gid qingling --no-create-home --home-dir /data qingling \
 && mkdir -p /data /inbox /prefect \
 && chown qingling:qingling /data /inbox /prefect
COPY --from=build /opt/qingling /opt/qingling
ENV PATH=/opt/qingling/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    QINGLING_DATA=/data DO_NOT_TRACK=1
USER qingling
WORKDIR /data
VOLUME ["/data"]
CMD ["qingling", "--help"]
