# The sidecar of development pods (docs/decisions/0013). The context is its folder:
#     docker build --file deploy/images/sidecar.Dockerfile --tag catalyst/sidecar:1 sidecar
ARG BASE=debian:bookworm-slim
ARG GO=golang:1.26-bookworm

FROM ${GO} AS build
WORKDIR /source
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /sidecar .

FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -qq --no-install-recommends ca-certificates git >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /sidecar /usr/local/bin/sidecar
ENTRYPOINT ["sidecar"]
CMD ["serve"]
