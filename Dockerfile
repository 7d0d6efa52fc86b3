# The same programs as the Procfile's, in one image; compose.yaml starts them.
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 brainscan && install -d -o brainscan /data
WORKDIR /srv/brainscan

COPY requirements-serve.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements-serve.lock
COPY . .

ENV PYTHONUNBUFFERED=1 DATA_DIR=/data BIND=0.0.0.0 PORT=8000
USER brainscan
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "brainscan.wsgi", "-c", "brainscan/gunicorn.py"]
