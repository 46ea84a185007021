# The reference pipeline, its feed gateway and the harness's outpost: one image, a service each by its command.
#
# A host that reaches no registry gives its own base (any Python 3.11+ on glibc); `scripts/offline-images` makes one of
# the same name. Wheels in deploy/wheels/ are used instead of the network: pip then needs neither an index nor a CA.
ARG BASE_IMAGE=python:3.11.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
# LightGBM needs the OpenMP runtime, which slim images leave out.
RUN ldconfig -p | grep -q libgomp.so.1 || \
    (apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*)
RUN python3 -m venv /opt/pipequake
WORKDIR /src
COPY pyproject.toml deploy/wheels* deploy/requirements.py wheels/
RUN python3 wheels/requirements.py wheels/pyproject.toml > requirements.txt && \
    if ls wheels/*.whl > /dev/null 2>&1; then offline="--no-index --find-links wheels"; fi && \
    /opt/pipequake/bin/pip install --no-cache-dir ${offline:-} -r requirements.txt

FROM ${BASE_IMAGE}
COPY --from=build /usr/lib/*/libgomp.so.1 /usr/local/lib/
COPY --from=build /opt/pipequake /opt/pipequake
# New volumes take over what lies in these folders, and whose it is.
RUN ldconfig && mkdir -p /var/lib/pipeline /var/lib/overlays /var/cache/pipequake && \
    chown 10001:10001 /var/lib/pipeline /var/lib/overlays /var/cache/pipequake
ENV PATH=/opt/pipequake/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
    PIPEQUAKE_CACHE=/var/cache/pipequake
WORKDIR /app
# The year of flights is prepared once, here, so that containers start in seconds.
COPY reference_pipeline reference_pipeline
RUN python -m compileall -q reference_pipeline
USER 10001:10001
RUN python -c "from reference_pipeline.data import prepare; from reference_pipeline.training.history import prepare_examples; \
    prepare_examples(prepare())"
USER 0:0
COPY chaos chaos
COPY harness harness
RUN python -m compileall -q chaos harness
USER 10001:10001
