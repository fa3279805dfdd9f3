# The container of Amazon SageMaker for training and inference: `train` and `serve`.
#
#     docker build --file infra/training.Dockerfile --tag endcap-training .
#     docker run --volume "$PWD/ml:/opt/ml" endcap-training train
#     docker run --volume "$PWD/ml:/opt/ml" --publish 8080:8080 endcap-training serve
#
# Packages are those of the locks, checked by their hashes; xgboost is the build without GPU code.
# SageMaker mounts /opt/ml as root's, so the container runs as root.
ARG PYTHON=python:3.11-slim-bookworm
FROM ${PYTHON}

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    NUMBA_CACHE_DIR=/opt/endcap/kernels

WORKDIR /opt/endcap

COPY requirements.lock requirements-dev.lock ./
COPY infra/package.py infra/package.py
# What runs, then the clients of AWS as the second lock pins them.
RUN pip install --require-hashes --requirement requirements.lock \
    && python -c "from infra.package import locked; print(locked(('boto3', 'botocore', 'fsspec', 'jmespath', 'python-dateutil', 's3transfer', 'six', 'urllib3')))" > aws.lock \
    && pip install --require-hashes --no-deps --requirement aws.lock

COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-deps --no-build-isolation .

# A small training job, just large enough for a ranker: it shows that the image works, and leaves the
# compiled kernels in it.
RUN mkdir -p /tmp/ml/input/config /tmp/ml/input/data/training \
    && endcap --home /tmp/ml/home generate --users 300 --items 100 --events 14000 --days 60 --out /tmp/ml/input/data/training \
    && echo '{"budget_s": "8"}' > /tmp/ml/input/config/hyperparameters.json \
    && python -m endcap.entrypoints.sagemaker train --root /tmp/ml \
    && rm -rf /tmp/ml

EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "endcap.entrypoints.sagemaker"]
