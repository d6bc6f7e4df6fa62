#!/usr/bin/env bash
# Real servers for the tests, on loopback, as plain processes of one folder.
#
#   services.sh install kafka      get what is missing (Java, Maven, the broker's jars)
#   services.sh start DIR kafka    start, wait until it answers, print its variables
#   services.sh env DIR            print the variables again
#   services.sh kill DIR kafka [SIGNAL]
#   services.sh stop DIR           stop; data and ports stay
#   services.sh clean DIR          stop and remove
#
# Another server is another set of functions get_NAME, start_NAME and env_NAME.
set -euo pipefail

KAFKA_VERSION=${KAFKA_VERSION:-4.1.1}
LOG4J_VERSION=2.24.3
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/wireproof
CLIENTS=$(cd "$(dirname "$0")" && pwd)/clients

die() { echo "services.sh: $*" >&2; exit 1; }

# A dead server can stay as a zombie, and its number can be given to another
# process: one of ours is known by number and start time together.
started_at() { awk '{ sub(/^.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null || true; }

remember() { echo "$1 $(started_at "$1")" >"$2"; }

alive() {
  [ -f "$1" ] || return 1
  local pid start
  read -r pid start <"$1"
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

free_port() { # below the range of ports that the system hands out
  local port
  for _ in $(seq 200); do
    port=$((RANDOM % 12000 + 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  die "found no free port"
}

# --- kafka: Apache Kafka in KRaft mode, one broker, from Maven Central

kafka_jars() { echo "$CACHE/kafka-$KAFKA_VERSION/libs"; }

get_kafka() {
  if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "kafka needs Java 17 and Maven: install them"
    echo "installing Java and Maven" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless maven >&2
  fi
  local libs tmp
  libs=$(kafka_jars)
  [ -d "$libs" ] && return
  mkdir -p "${libs%/libs}"
  tmp=$(mktemp -d "${libs%/libs}/get.XXXXXX")
  cat >"$tmp/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>wireproof.test</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>$LOG4J_VERSION</version></dependency>
  </dependencies>
</project>
POM
  echo "fetching Apache Kafka $KAFKA_VERSION" >&2
  mvn -B -q -f "$tmp/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$tmp/libs" >&2 || { rm -rf "$tmp"; die "Maven could not fetch Apache Kafka $KAFKA_VERSION"; }
  mv -T "$tmp/libs" "$libs" 2>/dev/null || [ -d "$libs" ] || die "could not keep the jars in $libs"
  rm -rf "$tmp"
}

start_kafka() {
  local d=$1/kafka libs port cport
  libs=$(kafka_jars)
  [ -d "$libs" ] || die "kafka is not installed: services.sh install kafka"
  alive "$d/pid" && return
  mkdir -p "$d"
  if [ ! -f "$d/ports" ]; then
    port=$(free_port)
    cport=$(free_port)
    while [ "$cport" = "$port" ]; do cport=$(free_port); done
    echo "$port $cport" >"$d/ports"
  fi
  read -r port cport <"$d/ports"
  cat >"$d/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$cport
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$cport
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$d/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=16777216
PROPERTIES
  cat >"$d/log4j2.properties" <<LOG
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
logger.server.name = kafka.server
logger.server.level = INFO
LOG
  local log=(-Dlog4j2.configurationFile="$d/log4j2.properties" -cp "$libs/*")
  if [ ! -d "$d/data" ]; then
    java -Xmx128m "${log[@]}" kafka.tools.StorageTool format -c "$d/server.properties" \
      -t "k$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)" >"$d/format.log" 2>&1 || { cat "$d/format.log" >&2; die "kafka: formatting its folder failed"; }
  fi
  setsid java -Xms256m -Xmx512m -XX:+UseSerialGC "${log[@]}" kafka.Kafka "$d/server.properties" >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "kafka ended while it started"; }
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    sleep 0.1
  done
  tail -n 20 "$d/log" >&2
  die "kafka did not answer within a minute"
}

env_kafka() {
  local port
  read -r port _ <"$1/kafka/ports"
  echo "export KAFKA_BROKERS=127.0.0.1:$port"
}

# --- postgres: PostgreSQL 13 or later of the system, or the one in POSTGRES_BIN

pg_bin() {
  local bin
  if [ -n "${POSTGRES_BIN:-}" ]; then echo "$POSTGRES_BIN"; return; fi
  bin=$(find /usr/lib/postgresql /usr/pgsql-* -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
  [ -n "$bin" ] || bin=$(command -v postgres || true)
  [ -z "$bin" ] || dirname "$bin"
}

get_postgres() {
  [ -z "$(pg_bin)" ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "postgres needs PostgreSQL: install it or set POSTGRES_BIN to the folder of its programs"
  echo "installing PostgreSQL" >&2
  # The package would make and start a cluster of its own, which nobody needs.
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/wireproof.conf
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

# PostgreSQL refuses to run as root. Its user then gets one right of root, to
# enter folders, since those above ours may be closed to it.
pg_run() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  exec setpriv --reuid "$(pg_user)" --regid "$(id -g "$(pg_user)")" --clear-groups \
    --inh-caps +dac_override --ambient-caps +dac_override -- "$@"
}

pg_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

start_postgres() {
  local d bin port
  mkdir -p "$1/postgres"
  d=$(cd "$1/postgres" && pwd)
  bin=$(pg_bin)
  [ -n "$bin" ] || die "postgres is not installed: services.sh install postgres"
  for _ in $(seq 600); do # one that was told to stop needs a moment
    alive "$d/pid" || break
    sed -n 8p "$d/data/postmaster.pid" 2>/dev/null | grep -q stopping || return 0
    sleep 0.05
  done
  [ -f "$d/port" ] || free_port >"$d/port"
  read -r port <"$d/port"
  if [ ! -d "$d/data" ]; then
    mkdir -m 700 "$d/data"
    [ "$(id -u)" != 0 ] || chown "$(pg_user)" "$d/data"
    (cd / && pg_run "$bin/initdb" -D "$d/data" -U postgres -A trust -E UTF8 --no-locale --no-sync) >"$d/initdb.log" 2>&1 ||
      { tail -n 10 "$d/initdb.log" >&2; die "initdb failed"; }
  fi
  # After a kill the server's children leave a moment later, and a file still
  # names the dead process.
  for _ in $(seq 200); do
    if ! pg_children "$d/data"; then rm -f "$d/data/postmaster.pid"; break; fi
    sleep 0.05
  done
  (cd / && pg_run setsid "$bin/postgres" -D "$d/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=100 -c shared_buffers=32MB) >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "postgres ended while it started"; }
    if sed -n 8p "$d/data/postmaster.pid" 2>/dev/null | grep -q ready; then return; fi
    sleep 0.05
  done
  tail -n 20 "$d/log" >&2
  die "postgres did not answer within half a minute"
}

pg_children() { # DATA : does a process still work in it?
  local cwd
  for cwd in /proc/[0-9]*/cwd; do
    [ "$(readlink "$cwd" 2>/dev/null || true)" != "$1" ] || return 0
  done
  return 1
}

env_postgres() {
  local port
  read -r port <"$1/postgres/port"
  echo "export POSTGRES_URL='postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable'"
}

# --- strace: not a server, but what tests need to make system calls fail

get_strace() {
  ! command -v strace >/dev/null || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "the tests of crashes need strace: install it"
  echo "installing strace" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends strace >&2
}

# --- python and node: no servers, but the clients of other languages, pinned below
# test/clients; what is fetched stays in the cache, in a folder for each set

pinned() { # NAME FILE: the folder of a set
  echo "$CACHE/$1-$(sha256sum "$2" | cut -c 1-12)"
}

python_home() { pinned python "$CLIENTS/python/requirements.txt"; }
node_home() { pinned node "$CLIENTS/javascript/package.json"; }

get_python() {
  local home
  home=$(python_home)
  [ -x "$home/bin/python" ] && [ -f "$home/complete" ] && return
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "the Python clients need Python 3.11 with venv: install it"
    echo "installing Python" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >&2
  fi
  echo "fetching the Python clients" >&2
  mkdir -p "$CACHE"
  # In place, since a virtual environment knows its own path; complete says that it is.
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$CLIENTS/python/requirements.txt" >&2 ||
    die "pip could not fetch what $CLIENTS/python/requirements.txt names"
  touch "$home/complete"
}

start_python() { [ -f "$(python_home)/complete" ] || die "the Python clients are not installed: services.sh install python"; }
env_python() { echo "export CLIENTS_PYTHON='$(python_home)/bin/python'"; }

get_node() {
  local home tmp
  home=$(node_home)
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "the JavaScript clients need Node.js 18 or later and npm: install them"
    echo "installing Node.js" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >&2
  fi
  [ -d "$home" ] && return
  echo "fetching the JavaScript clients" >&2
  mkdir -p "$CACHE"
  tmp=$(mktemp -d "$CACHE/node.XXXXXX")
  cp "$CLIENTS/javascript/package.json" "$tmp"
  npm install --prefix "$tmp" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >&2 ||
    { rm -rf "$tmp"; die "npm could not fetch what $CLIENTS/javascript/package.json names"; }
  mv -T "$tmp" "$home" 2>/dev/null || [ -d "$home" ] || die "could not keep the packages in $home"
  rm -rf "$tmp"
}

start_node() { [ -d "$(node_home)" ] || die "the JavaScript clients are not installed: services.sh install node"; }
env_node() { echo "export CLIENTS_NODE_MODULES='$(node_home)/node_modules'"; }

# --- any server

signal() { # DIR NAME SIGNAL
  local pid
  alive "$1/$2/pid" || return 0
  read -r pid _ <"$1/$2/pid"
  kill "-$3" "$pid" 2>/dev/null || true
}

stop_all() {
  local d name
  for d in "$1"/*/; do
    [ -f "$d/pid" ] || continue
    name=$(basename "$d")
    case "$name" in
      postgres) signal "$1" "$name" INT ;; # after TERM it waits for its clients to leave
      *) signal "$1" "$name" TERM ;;
    esac
    for _ in $(seq 100); do alive "$d/pid" || break; sleep 0.1; done
    signal "$1" "$name" KILL
  done
}

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
  install) for name in "$@"; do "get_$name"; done ;;
  start)
    dir=$1; shift
    mkdir -p "$dir"
    for name in "$@"; do "start_$name" "$dir"; done
    for name in "$@"; do "env_$name" "$dir"; done
    ;;
  env) for d in "$1"/*/; do alive "$d/pid" && "env_$(basename "$d")" "$1"; done ;;
  kill) signal "$1" "$2" "${3:-KILL}" ;;
  stop) stop_all "$1" ;;
  clean) stop_all "$1"; rm -rf "$1" ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
