# syntax=docker/dockerfile:1
# Two stages: one has compilers, the other has an environment and nothing else.

FROM rust:1.95-slim-bookworm AS rust

FROM python:3.13-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

# What the product needs changes seldom, so it stands before the sources.
COPY requirements/runtime.txt /src/requirements/runtime.txt
RUN python -m venv /opt/codegate \
 && /opt/codegate/bin/pip install --require-hashes -r /src/requirements/runtime.txt

WORKDIR /src
COPY pyproject.toml Cargo.toml Cargo.lock README.md LICENSE ./
COPY benches benches
COPY rust rust
COPY python python
RUN MATURIN_PEP517_ARGS=--locked python -m pip wheel --no-deps --wheel-dir /wheels . \
 && /opt/codegate/bin/pip install --no-deps /wheels/*.whl \
 && /opt/codegate/bin/codegate --version

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 codegate \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin codegate \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/codegate /opt/codegate
ENV PATH=/opt/codegate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PROXY_PORT=9212 \
    DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 9212
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PROXY_PORT']}/livez\", timeout=2)"]
ENTRYPOINT ["codegate"]
CMD ["serve"]
