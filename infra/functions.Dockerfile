# The functions of AWS Lambda as a container image, for what the zip has no room for: training and
# the steps of the nightly pipeline, kernels compiled by numba, PostgreSQL, models beyond the local
# disk of the zip's functions. One image holds all functions; the configuration of each names its
# handler (ImageConfig.Command).
#
#   docker buildx build --platform linux/arm64 --file infra/functions.Dockerfile \
#       --tag ACCOUNT.dkr.ecr.REGION.amazonaws.com/endcap:VERSION --provenance=false --push .
#
# Versions are those of the lock files, checked by their hashes. What may be copied in is listed in
# functions.Dockerfile.dockerignore. Settings and secrets come from the function's configuration
# (ENDCAP_…, ssm:, secret:), never from the image.

ARG PLATFORM=linux/arm64
ARG PYTHON=3.12

FROM --platform=${PLATFORM} public.ecr.aws/lambda/python:${PYTHON} AS packages
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
COPY infra/package.py infra/
RUN python infra/package.py --pins > pins.txt
RUN python -m pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: \
    --target /packages --requirement pins.txt

FROM --platform=${PLATFORM} public.ecr.aws/lambda/python:${PYTHON}
COPY --from=packages /packages ${LAMBDA_TASK_ROOT}
COPY src/endcap ${LAMBDA_TASK_ROOT}/endcap
RUN python -m compileall -q ${LAMBDA_TASK_ROOT}
# Below the one folder that a function may write to, and loses.
ENV ENDCAP_HOME=/tmp/endcap
CMD ["endcap.entrypoints.lambdas.nightly.handler"]
