# The suite in a container that runs as nobody in particular: no root, nothing to write to but /cache, /data and /tmp.
#
#   docker build -t mm-demos .                                 models run on the CPU
#   docker build -t mm-demos --build-arg ACCELERATOR=cuda .    and on NVIDIA cards: docker run --gpus all …
#   docker build -t mm-demos --build-arg WEIGHTS=embedded .    the weights travel in the image; else the first start fetches them
#   docker run --rm -p 127.0.0.1:7860:7860 -v mm-cache:/cache -v mm-data:/data mm-demos

FROM python:3.12.12-slim-trixie AS base
ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# Packages, apart from the sources, so that a change of ours does not install them again.
FROM base AS packages
ARG ACCELERATOR=cpu
# torch on the package index brings CUDA, several GB that a machine without a card has no use for.
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv "$VIRTUAL_ENV"
RUN case "$ACCELERATOR" in \
      cpu) grep -E '^(torch|torchvision)==' requirements.txt > torch.txt && pip install --index-url "$CPU_INDEX" -r torch.txt ;; \
      cuda) ;; \
      *) echo "ACCELERATOR=$ACCELERATOR cannot be used: choose cpu or cuda." >&2; exit 1 ;; \
    esac
RUN pip install -r requirements.txt

FROM base AS sources
WORKDIR /app
COPY LICENSE README.md app.py ./
COPY mm_demos ./mm_demos
# A checkout may keep files to its owner alone; here everybody reads them, and nobody writes.
RUN chmod -R a+rX,go-w /app && python -m compileall -q mm_demos

FROM base AS suite
# OpenCV wants the first two, llama.cpp the third; tini hands the signal of `docker stop` on.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0t64 libgomp1 tini \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 demos \
 && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin demos \
 && mkdir -p /cache /data \
 && chown 10001:10001 /cache /data
COPY --from=packages /opt/venv /opt/venv
COPY --from=sources /app /app
WORKDIR /app
ENV HOME=/data \
    XDG_CACHE_HOME=/cache \
    MM_DEMOS_CACHE_DIR=/cache/mm-demos \
    MM_DEMOS_DATA_DIR=/data/mm-demos \
    MM_DEMOS_HOST=0.0.0.0 \
    MM_DEMOS_PORT=7860
USER 10001:10001
ARG WEIGHTS=none
# A new volume at /cache begins with what the image has there.
RUN case "$WEIGHTS" in \
      embedded) python -m mm_demos models pull ;; \
      none) ;; \
      *) echo "WEIGHTS=$WEIGHTS cannot be used: choose embedded or none." >&2; exit 1 ;; \
    esac
VOLUME ["/cache", "/data"]
EXPOSE 7860
# Ctrl+C is what the suite ends tidily on.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:%s/health' % os.environ['MM_DEMOS_PORT'], timeout=8)"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "app.py"]
