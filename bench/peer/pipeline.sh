#!/bin/sh
# The same job without Dagger, as a good engineer would write it for this repository: build, unit tests, scan, stack
# with its integration suite (without disruption tests), push. Jobs run in parallel as in the pipeline: one more than
# there are processors.
#   pipeline.sh REGISTRY TAG [all|gate|build|scan|push]
# `gate` is everything but the push. `scan` and `push` alone use the existing images.
# Run it in the project's folder, which must contain .env. STAND_INS is an additional compose file with stand-ins for
# images that are not available.
set -eu
registry=$1 tag=$2 only=${3:-all}
services='gateway knowledge-service agent-service research-service assistant-service'
python=${PYTHON_IMAGE:-python:3.13-slim-trixie}
redis=${REDIS_IMAGE:-redis:7.4.11-alpine}
postgres=${POSTGRES_IMAGE:-postgres:16.15-alpine}
files="-f compose.yaml -f compose.test.yaml ${STAND_INS:+-f $STAND_INS}"
here=$PWD
run=${COMPOSE_PROJECT_NAME:-ai-platform}
export TAG="$tag" COMPOSE_PROJECT_NAME="$run" BUILDX_NO_DEFAULT_ATTESTATIONS=1
work=$(mktemp -d)

clean() {
  # shellcheck disable=SC2046,SC2086 # words on purpose
  docker rm -f -v $(docker ps -aq --filter "label=peer=$run") >/dev/null 2>&1 || :
  # shellcheck disable=SC2086
  docker compose $files down -v --remove-orphans >/dev/null 2>&1 || :
  docker network rm "$run-tests" >/dev/null 2>&1 || :
  rm -rf "$work"
}
trap 'rm -rf "$work"' EXIT
mkfifo "$work/slots"
exec 3<>"$work/slots"
for _ in $(seq 0 "$(nproc)"); do echo >&3; done
step() { printf '%s %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$1"; }

folder() { # of a service
  case $1 in *-service) echo "services/${1%-service}" ;; *) echo "services/$1" ;; esac
}


unit_tests() {
  service=$1
  set -- --rm --label "peer=$run" --network "$run-tests" --tmpfs /tmp --tmpfs /ci/output:mode=1777 -w /ci/output \
    -e HOME=/tmp -v "$here/$(folder "$service")/tests:/ci/tests:ro" -v "$dependencies:/opt/test-dependencies:ro"
  case $service in gateway | agent-service | research-service)
    docker run -d --rm --label "peer=$run" --network "$run-tests" --name "$run-$service-redis" "$redis" >/dev/null
    set -- "$@" -e "TEST_REDIS_URL=redis://$run-$service-redis:6379/0" ;;
  esac
  if [ "$service" = gateway ]; then
    docker run -d --rm --label "peer=$run" --network "$run-tests" --name "$run-$service-postgres" \
      -e POSTGRES_PASSWORD=postgres "$postgres" >/dev/null
    until docker exec "$run-$service-postgres" pg_isready --quiet --host=127.0.0.1; do sleep 0.2; done
    set -- "$@" -e \
      "TEST_DATABASE_URL=postgresql+asyncpg://postgres:postgres@$run-$service-postgres:5432/postgres"
  fi
  # A .pth file, not PYTHONPATH, so that the tests' packages come after the image's own.
  site=/opt/venv/lib/python3.13/site-packages/tests.pth
  docker run "$@" -v "$here/.tests.pth:$site:ro" "ai-platform/$service:$tag" \
    python -m pytest /ci/tests -q -c /dev/null --rootdir=/ci/tests -p no:cacheprovider \
    --import-mode=importlib -W error --junitxml=/ci/output/junit.xml
}

scan() {
  docker save --output "$work/$1.tar" "ai-platform/$1:$tag"
  trivy image --input "$work/$1.tar" --severity HIGH,CRITICAL --exit-code 10 --scanners vuln,secret \
    --cache-backend memory --quiet --skip-version-check --disable-telemetry \
    --skip-db-update --skip-java-db-update --offline-scan
}

push() {
  docker tag "ai-platform/$1:$tag" "$registry/$1:$tag"
  docker push --quiet "$registry/$1:$tag"
}

each() { # COMMAND for each service, as many at a time as there are slots; fails if one failed
  pids=
  for service in $services; do
    (
      read -r _ <&3
      trap 'echo >&3' EXIT
      "$1" "$service"
    ) >"$work/$1-$service.log" 2>&1 &
    pids="$pids $!:$service"
  done
  for pid in $pids; do
    wait "${pid%%:*}" || { cat "$work/$1-${pid#*:}.log"; echo "$1 of ${pid#*:} failed"; exit 1; }
  done
}

bake() { # TARGET...
  step build
  # shellcheck disable=SC2086 # words on purpose
  docker buildx bake $files -f "$BAKE" --load "$@" >"$work/bake.log" 2>&1 || { cat "$work/bake.log"; exit 1; }
}

case $only in
build) bake default; exit ;;
scan) each scan; exit ;;
push) each push; exit ;;
esac
trap clean EXIT
bake default tests

step unit-tests
docker network create "$run-tests" >/dev/null
printf '/opt/test-dependencies\n' >.tests.pth
dependencies=tests-$(docker image inspect --format '{{slice .Id 7 19}}' ai-platform/tests)
docker run --rm -v "$dependencies:/opt/test-dependencies" ai-platform/tests true
each unit_tests
tail -qn 1 "$work"/unit_tests-*.log

step scan
each scan

step stack
# shellcheck disable=SC2086
docker compose $files up --wait --no-build --quiet-pull >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }

step integration-tests
docker run --rm --label "peer=$run" --network "${run}_default" --env-file .env --tmpfs /tmp -w /tmp \
  -e PYTHONDONTWRITEBYTECODE=1 -e PYTHONPATH=/opt/test-dependencies \
  -v "$here/tests/integration:/ci/tests:ro" -v "$dependencies:/opt/test-dependencies:ro" \
  "$python" python3 -m pytest /ci/tests --ignore=/ci/tests/alone -q -c /dev/null --rootdir=/ci/tests -p no:cacheprovider \
  --import-mode=importlib -W error >"$work/suite.log" 2>&1 || { cat "$work/suite.log"; exit 1; }
tail -n 1 "$work/suite.log"

step stop
# shellcheck disable=SC2086
docker compose $files down -v >"$work/down.log" 2>&1

if [ "$only" = all ]; then
  step push
  each push
fi
step end
