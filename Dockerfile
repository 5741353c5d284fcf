# syntax=docker/dockerfile:1
#
#   docker build -t ostest-runner .
#   docker run -d --name ostest-runner --init --stop-timeout 700 -v ostest-runner:/var/lib/ostest-runner \
#     --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
#     -e OSTEST_BACKEND_URL=https://ostest.example.org -e OSTEST_AUTH=yes -e OSTEST_LOGIN=runner \
#     -e OSTEST_PASSWORD_FILE=/run/secrets/password -v ./password:/run/secrets/password:ro ostest-runner
#
# The sandbox needs the three --security-opt: it creates user namespaces and mounts /proc, which
# containers may not do by default. They lift restrictions from the runner only; students' code runs
# in the sandbox's namespaces under its system call filter. --privileged, root and capabilities are
# not needed. The password file must be readable by user 10001.
# A container cannot delegate control groups: memoryUsed is 0 and --cpus has no effect. All limits
# work as a service on the host (docs/operations.md). --stop-timeout leaves time to finish tasks
# (--drain-timeout).

ARG DEBIAN=12-slim

FROM debian:${DEBIAN} AS build
WORKDIR /source
# The Debian release determines the versions.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates git && rm -rf /var/lib/apt/lists/*
COPY . .
# script/package installs its build dependencies. script/test runs the tests, not the image build.
RUN DEB_BUILD_OPTIONS=nocheck script/package /packages

FROM debian:${DEBIAN}
# The uid is fixed, since volumes keep it. systemd-standalone-sysusers is there instead of systemd.
RUN groupadd --system --gid 10001 ostest-runner \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/ostest-runner --shell /usr/sbin/nologin ostest-runner
# The Debian release determines the versions.
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
