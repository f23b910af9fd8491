# The image has one static binary and the public root certificates. It runs as a
# user that owns only its state folder. `reconciler version` prints VERSION,
# REVISION and DATE; `make image` sets them, because the build has no repository.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel REVISION="" DATE=""
RUN at=reconciler/internal/cli \
 && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X $at.version=$VERSION -X $at.revision=$REVISION -X $at.date=$DATE" -o /out/reconciler ./cmd/reconciler \
 && mkdir -p /out/state /out/run /out/tmp /out/root/var/lib /out/root/run

FROM scratch
ARG VERSION=devel REVISION="" DATE=""
LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="Keeps registry bindings to code hosts as declared in git" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$DATE"
# The parent folders of the state and of the socket belong to root.
COPY --from=build /out/root /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/reconciler /usr/local/bin/reconciler
COPY --from=build --chown=65532:65532 /out/state /var/lib/reconciler
COPY --from=build --chown=65532:65532 /out/run /run/reconciler
COPY --from=build --chown=65532:65532 /out/tmp /tmp
# For commands such as `kubectl exec … -- reconciler get`.
ENV RECONCILER_CONFIG=/etc/reconciler/reconciler.yaml
USER 65532:65532
VOLUME ["/var/lib/reconciler"]
EXPOSE 9440 9441
ENTRYPOINT ["/usr/local/bin/reconciler"]
CMD ["run"]
