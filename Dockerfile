# One image for the agent and for Citadel: Node.js, the libraries it links, the bundle. No shell, no package manager.
#
#   docker build --tag sidecert .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges sidecert citadel --help
#
# It writes nothing below its own root: the agent's socket, and Citadel's --ca-dir and --root-cert-out, belong in volumes
# that user 65532 may write to. For a build that must be repeatable bit by bit, pass the base with its digest:
# --build-arg BUILD_IMAGE=node:26.12.1-bookworm@sha256:...

# Not the slim one: the addon wants a C++ compiler, make and Python.
ARG BUILD_IMAGE=node:26.12.1-bookworm

FROM ${BUILD_IMAGE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: nothing that is needed to make the bundle has one that matters.
RUN npm ci --ignore-scripts
COPY scripts scripts
COPY binding.gyp ./
COPY native native
RUN node scripts/build-native.mjs
COPY src src
# Which commit this is, for dist/provenance.json: --build-arg SOURCE_COMMIT="$(git rev-parse HEAD)"
ARG SOURCE_COMMIT=
RUN node scripts/build.mjs

# The final root, in two parts: Node.js and what it links, which many versions share, and the program. Node.js is executable but not readable for the user that runs it (mode 0111): Linux then keeps the
# process from being dumped or traced by others of the same user, so there are no core files and nobody reads keys
# through /proc/PID/mem. (execve(2), "would_dump" in fs/exec.c; it needs fs.suid_dumpable = 0, the default)
# Without nsswitch.conf the C library may ask DNS before /etc/hosts.
RUN mkdir -p /runtime/etc /runtime/usr/local/bin /program/usr/local/bin /program/opt/sidecert \
    && echo 'hosts: files dns' > /runtime/etc/nsswitch.conf \
    && install -m 0111 "$(command -v node)" /runtime/usr/local/bin/node \
    && for library in $(ldd "$(command -v node)" | grep -o '/[^ ]*'); do cp -L --parents "${library}" /runtime; done \
    && cp -R dist/. /program/opt/sidecert/ \
    # `sidecert` for `kubectl exec`: there is no /usr/bin/env that the program itself could be started by.
    && printf '#!/usr/local/bin/node\nrequire("/opt/sidecert/sidecert.js");\n' > /program/usr/local/bin/sidecert \
    && chmod 0755 /program/usr/local/bin/sidecert
COPY LICENSE /program/opt/sidecert/

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="sidecert" \
      org.opencontainers.image.description="Workload identity for Envoy through SDS: an agent and a Citadel-compatible CA" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /runtime/ /
COPY --from=build /program/ /
ENV PATH=/usr/local/bin
USER 65532:65532
STOPSIGNAL SIGTERM

# The one place that both `agent` and `health` take the socket from.
ENV SIDECERT_SOCKET=/var/run/secrets/workload-spiffe-uds/socket

# For Citadel the check needs flags, which win over the variable above:
#   health --address=localhost:15012 --ca-root=(the file of --root-cert-out)
# or settings of the container: SIDECERT_SOCKET=  SIDECERT_ADDRESS=localhost:15012  SIDECERT_CA_ROOT=(that file)
# Kubernetes ignores HEALTHCHECK. Citadel's port speaks TLS only, which gRPC probes of the kubelet do not: give it
# --status-address, and have the kubelet ask /healthz/ready there by httpGet. For the agent the same, or exec this command.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/node", "/opt/sidecert/sidecert.js", "health"]

ENTRYPOINT ["/usr/local/bin/node", "/opt/sidecert/sidecert.js"]
CMD ["help"]
