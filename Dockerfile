# syntax=docker/dockerfile:1

# The image holds one static binary and the public certificate roots; it runs as
# a user that owns nothing but its state folder.
ARG GO_IMAGE=golang:1.26-bookworm
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/reconciler ./cmd/reconciler \
 && mkdir -p /out/state /out/run /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/reconciler /usr/local/bin/reconciler
COPY --from=build --chown=65532:65532 /out/state /var/lib/reconciler
COPY --from=build --chown=65532:65532 /out/run /run/reconciler
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
VOLUME ["/var/lib/reconciler"]
EXPOSE 9440 9441
ENTRYPOINT ["/usr/local/bin/reconciler"]
CMD ["run", "--config", "/etc/reconciler/reconciler.yaml"]
