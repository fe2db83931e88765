# docker build -t loadgen .
# docker run --rm -v "$PWD/reports:/loadgen/reports" loadgen run scenarios/100-concurrent.yaml
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY loadgen loadgen
RUN python -m venv /opt/loadgen && /opt/loadgen/bin/pip install --no-cache-dir ".[all]"

FROM python:3.12-slim
COPY --from=build /opt/loadgen /opt/loadgen
COPY scenarios /loadgen/scenarios
RUN useradd --uid 1000 --create-home loadgen && mkdir /loadgen/reports && chown 1000 /loadgen/reports
ENV PATH=/opt/loadgen/bin:$PATH
USER 1000
WORKDIR /loadgen
ENTRYPOINT ["loadgen"]
CMD ["--help"]
