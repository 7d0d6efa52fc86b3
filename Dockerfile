# The same programs as the Procfile's, in one image; compose.yaml and deploy/kubernetes/ start them. It runs with a
# read-only root: only /data (DATA_DIR) and /tmp are written to.
FROM python:3.12-slim@sha256:57cd7c3a7a273101a6485ba99423ee568157882804b1124b4dd04266317710de

# pg_dump and pg_restore, for manage.py backup and restore; not older than the server. Debian's version is the image's.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --no-create-home --uid 10001 brainscan && install -d -o brainscan -m 0700 /data
WORKDIR /srv/brainscan

COPY requirements-serve.lock requirements-traces.lock ./
# TRACES=1 adds OpenTelemetry.
ARG TRACES=
RUN pip install --no-cache-dir --require-hashes -r requirements-serve.lock ${TRACES:+-r requirements-traces.lock}
COPY . .

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp DATA_DIR=/data BIND=0.0.0.0 PORT=8000 LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "brainscan.wsgi", "-c", "brainscan/gunicorn.py"]
