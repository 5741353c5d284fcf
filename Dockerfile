# syntax=docker/dockerfile:1
#
#   docker build -t ostest-runner .
#   docker run -d --name ostest-runner --init --stop-timeout 700 -v ostest-runner:/var/lib/ostest-runner \
#     --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
#     -e OSTEST_BACKEND_URL=https://ostest.example.org -e OSTEST_AUTH=yes -e OSTEST_LOGIN=runner \
#     -e OSTEST_PASSWORD_FILE=/run/secrets/password -v ./password:/run/secrets/password:ro ostest-runner
#
# The three --security-opt are for the sandbox: it makes user namespaces and mounts a /proc of its own, which a container may
# not do by default. What is given up concerns the runner; students' code stays behind the sandbox's own filter, in its own
# namespaces. No --privileged, no root, no capabilities. The password file has to be readable for user 10001.
# A container has no control groups to give away: memoryUsed is 0 and --cpus has no effect; as a service on the machine itself
# (docs/operations.md) all limits hold. --stop-timeout is for tasks that are being finished (--drain-timeout).

ARG DEBIAN=12-slim

FROM debian:${DEBIAN} AS build
WORKDIR /source
# The release decides the versions.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates git && rm -rf /var/lib/apt/lists/*
COPY . .
# script/package installs what it needs. The tests have their place elsewhere (script/test).
RUN DEB_BUILD_OPTIONS=nocheck script/package /packages

FROM debian:${DEBIAN}
# The number is fixed, since volumes keep it. systemd-standalone-sysusers stands for the whole of systemd.
RUN groupadd --system --gid 10001 ostest-runner \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/ostest-runner --shell /usr/sbin/nologin ostest-runner
# The release decides the versions.
# hadolint ignore=DL3008
RUN --mount=type=bind,from=build,source=/packages,target=/packages \
    apt-get update && apt-get install --yes --no-install-recommends \
        systemd-standalone-sysusers /packages/ostest-runner_*.deb \
        ca-certificates gcc libc6-dev make openssh-client valgrind \
        python3-pytest python3-pytest-dependency python3-pytest-order python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --mode=700 --owner=ostest-runner --group=ostest-runner /var/lib/ostest-runner
USER 10001:10001
ENV HOME=/var/lib/ostest-runner STATE_DIRECTORY=/var/lib/ostest-runner
WORKDIR /var/lib/ostest-runner
VOLUME /var/lib/ostest-runner
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/ostest-runner"]
