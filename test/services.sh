#!/usr/bin/env bash
# Real servers for the tests, on loopback, as plain processes of one folder.
#
#   services.sh install kafka      get what is missing (Java, Maven, the broker's jars)
#   services.sh start DIR kafka    start, wait until it answers, print its variables
#   services.sh env DIR            print the variables again
#   services.sh kill DIR kafka [SIGNAL]
#   services.sh start DIR kafka3   three brokers; kill and start take one of them too, as kafka3-2
#   services.sh ctl DIR rabbitmq ARGUMENT...   its command line tool
#   services.sh stop DIR           stop; data and ports stay
#   services.sh clean DIR          stop and remove
#
# Another server is another set of functions get_NAME, start_NAME and env_NAME.
set -euo pipefail

KAFKA_VERSION=${KAFKA_VERSION:-4.1.1}
LOG4J_VERSION=2.24.3
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/wireproof
HERE=$(cd "$(dirname "$0")" && pwd)

die() { echo "services.sh: $*" >&2; exit 1; }

apt_get() { # WHAT PACKAGE...: installs a part of the system
  local what=$1
  shift
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "the tests need $what: install it"
  echo "installing $what" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

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

free_ports() { # COUNT: so many different ones
  local port all=()
  while [ "${#all[@]}" -lt "$1" ]; do
    port=$(free_port)
    [[ " ${all[*]} " == *" $port "* ]] || all+=("$port")
  done
  echo "${all[*]}"
}

# --- kafka and kafka3: Apache Kafka in KRaft mode, from Maven Central: one broker, and a
# cluster of three, of which one may be lost, in the folders kafka3-1 to kafka3-3

kafka_jars() { echo "$CACHE/kafka-$KAFKA_VERSION/libs"; }

get_kafka() {
  if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
    apt_get "Java 17 and Maven" openjdk-17-jre-headless maven
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

get_kafka3() { get_kafka; }

# What one broker and three differ in is who votes, how many copies there are, and how soon a
# silent broker is taken for dead: tests wait for it where another takes its place.
kafka_settings() { # FOLDER NODE VOTERS COPIES IN_SYNC SESSION_MS
  local port cport
  read -r port cport <"$1/ports"
  cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$3
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$cport
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
broker.heartbeat.interval.ms=$(($6 / 6))
broker.session.timeout.ms=$6
log.dirs=$1/data
num.partitions=4
auto.create.topics.enable=false
default.replication.factor=$4
min.insync.replicas=$5
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$4
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=$4
transaction.state.log.min.isr=$5
share.coordinator.state.topic.replication.factor=$4
share.coordinator.state.topic.min.isr=$5
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=16777216
PROPERTIES
  cat >"$1/log4j2.properties" <<LOG
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
logger.server.name = kafka.server
logger.server.level = INFO
LOG
}

kafka_java() { # FOLDER ARGUMENT...: becomes that program
  local d=$1
  shift
  exec setsid java -XX:+UseSerialGC -Dlog4j2.configurationFile="$d/log4j2.properties" -cp "$(kafka_jars)/*" "$@"
}

kafka_format() { # FOLDER ID
  [ ! -d "$1/data" ] || return 0
  (kafka_java "$1" -Xmx128m kafka.tools.StorageTool format -c "$1/server.properties" -t "$2") >"$1/format.log" 2>&1 ||
    { cat "$1/format.log" >&2; rm -rf "$1/data"; die "kafka: formatting $1/data failed"; }
}

kafka_run() { # HEAP FOLDER...: starts those that do not run, then waits for all
  local d heap=$1
  shift
  [ -d "$(kafka_jars)" ] || die "kafka is not installed: services.sh install kafka"
  for d in "$@"; do
    alive "$d/pid" && continue
    [ ! -f "$d/log" ] || mv "$d/log" "$d/log.before"
    : >"$d/log" # which is searched for what the new one says
    kafka_java "$d" -Xms128m "-Xmx$heap" kafka.Kafka "$d/server.properties" >>"$d/log" 2>&1 </dev/null &
    remember $! "$d/pid"
  done
  for d in "$@"; do kafka_await "$d"; done
}

kafka_await() { # FOLDER
  for _ in $(seq 600); do
    alive "$1/pid" || { tail -n 20 "$1/log" >&2; die "kafka ended while it started"; }
    if grep -q 'Kafka Server started' "$1/log"; then return; fi
    sleep 0.1
  done
  tail -n 20 "$1/log" >&2
  die "kafka did not start within a minute"
}

kafka_id() { echo "k$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)"; }

start_kafka() {
  local d=$1/kafka
  if ! alive "$d/pid"; then
    mkdir -p "$d"
    [ -f "$d/ports" ] || free_ports 2 >"$d/ports"
    kafka_settings "$d" 1 "1@127.0.0.1:$(cut -d' ' -f2 "$d/ports")" 1 1 9000
    kafka_format "$d" "$(kafka_id)"
  fi
  kafka_run 512m "$d"
}

start_kafka3() { # DIR NAME: all three, or one of them again, such as kafka3-2
  [ "$2" = kafka3 ] || { kafka_run 384m "$1/$2"; return; }
  local n id ports voters formats=() all=("$1/kafka3-1" "$1/kafka3-2" "$1/kafka3-3")
  if [ ! -f "$1/kafka3-1/formatted" ]; then
    id=$(kafka_id)
    read -r -a ports < <(free_ports 6)
    voters=1@127.0.0.1:${ports[3]},2@127.0.0.1:${ports[4]},3@127.0.0.1:${ports[5]}
    for n in 1 2 3; do
      rm -rf "$1/kafka3-$n"
      mkdir -p "$1/kafka3-$n"
      echo "${ports[n - 1]} ${ports[n + 2]}" >"$1/kafka3-$n/ports"
      kafka_settings "$1/kafka3-$n" "$n" "$voters" 3 2 3000
      kafka_format "$1/kafka3-$n" "$id" &
      formats+=($!)
    done
    for n in "${formats[@]}"; do wait "$n"; done
    touch "$1/kafka3-1/formatted"
  fi
  kafka_run 384m "${all[@]}"
}

env_kafka() {
  local port
  read -r port _ <"$1/kafka/ports"
  echo "export KAFKA_BROKERS=127.0.0.1:$port"
}

env_kafka3() {
  local brokers
  brokers=$(sed 's/^/127.0.0.1:/; s/ .*//' "$1"/kafka3-[123]/ports | paste -s -d ,)
  echo "export KAFKA3_BROKERS=$brokers KAFKA3_DIR='$(cd "$1" && pwd)'"
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

# --- rabbitmq: RabbitMQ of the system, one node; its port mapper, epmd, in the folder rabbitmq-0

RABBIT_BIN=/usr/lib/rabbitmq/bin

get_rabbitmq() {
  [ ! -x "$RABBIT_BIN/rabbitmq-server" ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "rabbitmq needs RabbitMQ 3.10 or later: install it"
  echo "installing RabbitMQ" >&2
  # The package would start a broker of its own, which nobody needs.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=1
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rabbitmq-server >&2
  [ -z "$made" ] || rm -f "$policy"
}

rabbit() { # FOLDER PROGRAM ARGUMENT...: becomes that program of the node
  local d=$1 port dist epmd
  shift
  read -r port dist epmd <"$d/ports"
  exec env -u RABBITMQ_NODE_PORT HOME="$d/home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="r$port@localhost" RABBITMQ_DIST_PORT="$dist" RABBITMQ_CONF_ENV_FILE="$d/env.conf" \
    RABBITMQ_CONFIG_FILE="$d/rabbitmq" RABBITMQ_ADVANCED_CONFIG_FILE="$d/advanced" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$d/plugins" RABBITMQ_GENERATED_CONFIG_DIR="$d/schema" \
    RABBITMQ_MNESIA_BASE="$d/data" RABBITMQ_LOG_BASE="$d" RABBITMQ_LOGS="$d/rabbit.log" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    RABBITMQ_CTL_DIST_PORT_MIN=0 RABBITMQ_CTL_DIST_PORT_MAX=0 RUNNING_UNDER_SYSTEMD=1 "$@"
}

start_rabbitmq() {
  local d port epmd map=$1/rabbitmq-0
  [ -x "$RABBIT_BIN/rabbitmq-server" ] || die "rabbitmq is not installed: services.sh install rabbitmq"
  mkdir -p "$1/rabbitmq/home" "$1/rabbitmq/data" "$1/rabbitmq/schema" "$map"
  d=$(cd "$1/rabbitmq" && pwd)
  alive "$d/pid" && return
  [ -f "$d/ports" ] || free_ports 3 >"$d/ports"
  read -r port _ epmd <"$d/ports"
  if [ ! -f "$d/env.conf" ]; then
    printf wireproof >"$d/home/.erlang.cookie"
    chmod 400 "$d/home/.erlang.cookie"
    printf 'listeners.tcp.1 = 127.0.0.1:%s\ndisk_free_limit.absolute = 50MB\n' "$port" >"$d/rabbitmq.conf"
    echo '[].' >"$d/plugins"
    : >"$d/env.conf"
  fi
  : >"$d/rabbit.log"
  if ! alive "$map/pid"; then # it outlives a broker that was killed
    setsid epmd -address 127.0.0.1 -port "$epmd" >>"$map/log" 2>&1 </dev/null &
    remember $! "$map/pid"
  fi
  # As under systemd, the start script becomes the broker, so that a signal reaches it.
  (rabbit "$d" setsid "$RABBIT_BIN/rabbitmq-server") >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" "$d/rabbit.log" >&2; die "rabbitmq ended while it started"; }
    if grep -q 'Server startup complete' "$d/rabbit.log"; then return; fi
    sleep 0.1
  done
  tail -n 20 "$d/rabbit.log" >&2
  die "rabbitmq did not start within a minute"
}

ctl_rabbitmq() { (rabbit "$(cd "$1/rabbitmq" && pwd)" "$RABBIT_BIN/rabbitmqctl" "${@:2}"); }

env_rabbitmq() {
  local port
  read -r port _ <"$1/rabbitmq/ports"
  echo "export AMQP_URL=amqp://guest:guest@127.0.0.1:$port/"
}

# --- nats and nats29: NATS with JetStream: the version in go.mod, built here, and that of Debian 12,
# which stands for old servers

nats_binary() { echo "$CACHE/nats-server-$(cd "$HERE" && go list -m -f '{{.Version}}' github.com/nats-io/nats-server/v2)"; }

get_nats() {
  local binary tmp
  binary=$(nats_binary)
  [ ! -x "$binary" ] || return 0
  echo "building the NATS server" >&2
  mkdir -p "$CACHE"
  tmp=$(mktemp "$CACHE/nats.XXXXXX")
  (cd "$HERE" && CGO_ENABLED=0 go build -o "$tmp" github.com/nats-io/nats-server/v2) >&2 || { rm -f "$tmp"; die "the NATS server does not build"; }
  mv -f "$tmp" "$binary"
}

get_nats29() {
  local home=$CACHE/nats29 tmp
  [ ! -x "$home/usr/sbin/nats-server" ] && [ ! -x "$home/usr/bin/nats-server" ] || return 0
  command -v apt-get >/dev/null || die "nats29 needs Debian's package nats-server"
  echo "fetching Debian's NATS server" >&2
  mkdir -p "$CACHE"
  tmp=$(mktemp -d "$CACHE/nats29.XXXXXX")
  [ "$(id -u)" != 0 ] || { apt-get update -qq >&2; chmod 755 "$tmp"; }
  # Unpacked, not installed: the package would start a server of its own.
  (cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download nats-server && dpkg-deb -x nats-server_*.deb "$tmp/root") >&2 ||
    { rm -rf "$tmp"; die "apt could not fetch the package nats-server"; }
  rm -rf "$home"
  mv -T "$tmp/root" "$home"
  rm -rf "$tmp"
}

start_nats() {
  [ -x "$(nats_binary)" ] || die "nats is not installed: services.sh install nats"
  run_nats "$1/nats" "$(nats_binary)" always
}

start_nats29() {
  local binary
  binary=$(find "$CACHE/nats29" -name nats-server -type f -perm -u+x 2>/dev/null | head -n 1)
  [ -n "$binary" ] || die "nats29 is not installed: services.sh install nats29"
  run_nats "$1/nats29" "$binary" # it knows no sync_interval
}

run_nats() { # FOLDER BINARY [SYNC_INTERVAL]
  local d port
  mkdir -p "$1"
  d=$(cd "$1" && pwd)
  alive "$d/pid" && return
  [ -f "$d/port" ] || free_port >"$d/port"
  read -r port <"$d/port"
  cat >"$d/server.conf" <<CONF
listen: "127.0.0.1:$port"
jetstream { store_dir: "$d/data"${3:+, sync_interval: $3} }
CONF
  : >"$d/log"
  setsid "$2" -c "$d/server.conf" >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "nats ended while it started"; }
    if grep -q 'Server is ready' "$d/log"; then return; fi
    sleep 0.05
  done
  tail -n 20 "$d/log" >&2
  die "nats did not start within half a minute"
}

nats_url() { local port; read -r port <"$1/port"; echo "nats://127.0.0.1:$port"; }
env_nats() { echo "export NATS_URL=$(nats_url "$1/nats")"; }
env_nats29() { echo "export NATS29_URL=$(nats_url "$1/nats29")"; }

# --- redis: Redis of the system; what it has answered for is on the disk

get_redis() {
  ! command -v redis-server >/dev/null || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "redis needs Redis 7 or later: install it"
  echo "installing Redis" >&2
  # The package would start a server of its own, which nobody needs.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=1
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >&2
  [ -z "$made" ] || rm -f "$policy"
}

start_redis() {
  local d port
  command -v redis-server >/dev/null || die "redis is not installed: services.sh install redis"
  mkdir -p "$1/redis/data"
  d=$(cd "$1/redis" && pwd)
  alive "$d/pid" && return
  [ -f "$d/port" ] || free_port >"$d/port"
  read -r port <"$d/port"
  : >"$d/log"
  setsid redis-server --bind 127.0.0.1 --port "$port" --dir "$d/data" --daemonize no --save '' \
    --appendonly yes --appendfsync "${REDIS_FSYNC:-everysec}" >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "redis ended while it started"; }
    if grep -q 'Ready to accept connections' "$d/log"; then return; fi
    sleep 0.05
  done
  tail -n 20 "$d/log" >&2
  die "redis did not start within half a minute"
}

env_redis() {
  local port
  read -r port <"$1/redis/port"
  echo "export REDIS_URL=redis://127.0.0.1:$port"
}

# --- pubsub: Google's emulator of Pub/Sub, where the Google Cloud CLI has brought it, or the
# jar in PUBSUB_EMULATOR_JAR; it keeps nothing on disk

pubsub_jar() {
  if [ -n "${PUBSUB_EMULATOR_JAR:-}" ]; then echo "$PUBSUB_EMULATOR_JAR"; return; fi
  find /usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib -name 'cloud-pubsub-emulator-*-all.jar' 2>/dev/null | sort -V | tail -n 1
}

has_pubsub() { [ -n "$(pubsub_jar)" ] && command -v java >/dev/null; }
get_pubsub() { has_pubsub || die "pubsub needs Java and the emulator of the Google Cloud CLI: install them or set PUBSUB_EMULATOR_JAR"; }

start_pubsub() {
  local d=$1/pubsub port
  get_pubsub
  mkdir -p "$d"
  alive "$d/pid" && return
  [ -f "$d/port" ] || free_port >"$d/port"
  read -r port <"$d/port"
  : >"$d/log"
  setsid java -Xmx256m -XX:+UseSerialGC -jar "$(pubsub_jar)" --host=127.0.0.1 --port="$port" >>"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "pubsub ended while it started"; }
    if grep -q 'Server started' "$d/log"; then return; fi
    sleep 0.1
  done
  tail -n 20 "$d/log" >&2
  die "pubsub did not start within a minute"
}

env_pubsub() {
  local port
  read -r port <"$1/pubsub/port"
  echo "export PUBSUB_EMULATOR_HOST=127.0.0.1:$port"
}

# --- strace: not a server, but what tests need to make system calls fail

get_strace() {
  ! command -v strace >/dev/null || return 0
  apt_get strace strace
}

# --- s3: an S3 server on a folder, built from its source, which takes two minutes

S3_PACKAGE=github.com/versity/versitygw/cmd/versitygw@v1.8.0
s3_binary() { echo "$CACHE/s3-${S3_PACKAGE##*@}"; }

get_s3() {
  local binary tmp
  binary=$(s3_binary)
  [ ! -x "$binary" ] || return 0
  echo "building an S3 server" >&2
  mkdir -p "$CACHE"
  tmp=$(mktemp -d "$CACHE/s3.XXXXXX")
  (cd "$tmp" && GOBIN=$tmp GOFLAGS= CGO_ENABLED=0 go install "$S3_PACKAGE") >&2 || { rm -rf "$tmp"; die "$S3_PACKAGE does not build"; }
  mv -f "$tmp/versitygw" "$binary"
  rm -rf "$tmp"
}

start_s3() {
  local d port
  [ -x "$(s3_binary)" ] || die "s3 is not installed: services.sh install s3"
  mkdir -p "$1/s3/data" "$1/s3/attributes"
  d=$(cd "$1/s3" && pwd)
  alive "$d/pid" && return
  [ -f "$d/port" ] || free_port >"$d/port"
  read -r port <"$d/port"
  setsid "$(s3_binary)" --access key --secret secret-of-tests --port "127.0.0.1:$port" --quiet posix --sidecar "$d/attributes" "$d/data" >"$d/log" 2>&1 </dev/null &
  remember $! "$d/pid"
  for _ in $(seq 600); do
    alive "$d/pid" || { tail -n 20 "$d/log" >&2; die "s3 ended while it started"; }
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    sleep 0.05
  done
  tail -n 20 "$d/log" >&2
  die "s3 did not start within half a minute"
}

env_s3() { local port; read -r port <"$1/s3/port"; echo "export S3_URL=http://key:secret-of-tests@127.0.0.1:$port"; }

# --- python, node and ci: no servers, but the clients of other languages, pinned below
# test/clients, and the programs that run people's CI, pinned in test/ci; what is fetched
# stays in the cache, in a folder for each set

pinned() { # NAME FILE: the folder of a set
  echo "$CACHE/$1-$(sha256sum "$2" | cut -c 1-12)"
}

get_venv() { # FOLDER FILE: what a requirements.txt names
  [ -x "$1/bin/python" ] && [ -f "$1/complete" ] && return
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_get "Python 3.11 with venv" python3 python3-venv
  echo "fetching what $2 names" >&2
  mkdir -p "$CACHE"
  # In place, since a virtual environment knows its own path; complete says that it is.
  rm -rf "$1"
  python3 -m venv "$1" >&2
  "$1/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$2" >&2 || die "pip could not fetch what $2 names"
  touch "$1/complete"
}

get_modules() { # FOLDER FILE: what a package.json names
  local tmp
  command -v node >/dev/null && command -v npm >/dev/null || apt_get "Node.js 18 or later and npm" nodejs npm
  [ -d "$1" ] && return
  echo "fetching what $2 names" >&2
  mkdir -p "$CACHE"
  tmp=$(mktemp -d "$CACHE/node.XXXXXX")
  cp "$2" "$tmp/package.json"
  npm install --prefix "$tmp" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >&2 ||
    { rm -rf "$tmp"; die "npm could not fetch what $2 names"; }
  mv -T "$tmp" "$1" 2>/dev/null || [ -d "$1" ] || die "could not keep the packages in $1"
  rm -rf "$tmp"
}

python_home() { pinned python "$HERE/clients/python/requirements.txt"; }
node_home() { pinned node "$HERE/clients/javascript/package.json"; }
ci_python_home() { pinned ci-python "$HERE/ci/requirements.txt"; }
ci_node_home() { pinned ci-node "$HERE/ci/package.json"; }

get_python() { get_venv "$(python_home)" "$HERE/clients/python/requirements.txt"; }
start_python() { [ -f "$(python_home)/complete" ] || die "the Python clients are not installed: services.sh install python"; }
env_python() { echo "export CLIENTS_PYTHON='$(python_home)/bin/python'"; }

get_node() { get_modules "$(node_home)" "$HERE/clients/javascript/package.json"; }
start_node() { [ -d "$(node_home)" ] || die "the JavaScript clients are not installed: services.sh install node"; }
env_node() { echo "export CLIENTS_NODE_MODULES='$(node_home)/node_modules'"; }

get_ci() {
  get_venv "$(ci_python_home)" "$HERE/ci/requirements.txt"
  get_modules "$(ci_node_home)" "$HERE/ci/package.json"
  command -v rsync >/dev/null || apt_get rsync rsync # with which gitlab-ci-local copies a repository
}
start_ci() { [ -f "$(ci_python_home)/complete" ] && [ -d "$(ci_node_home)" ] || die "the programs of CI are not installed: services.sh install ci"; }
env_ci() {
  echo "export CI_PRE_COMMIT='$(ci_python_home)/bin/pre-commit'"
  echo "export CI_GITLAB='$(ci_node_home)/node_modules/.bin/gitlab-ci-local'"
}

# --- any server

signal() { # DIR NAME SIGNAL
  local pid
  alive "$1/$2/pid" || return 0
  read -r pid _ <"$1/$2/pid"
  kill "-$3" "$pid" 2>/dev/null || true
}

stop_all() { # DIR: all at once, for brokers of a cluster wait for each other
  local d name
  for d in "$1"/*/; do
    name=$(basename "$d")
    case "$name" in
      postgres) signal "$1" "$name" INT ;; # after TERM it waits for its clients to leave
      *) signal "$1" "$name" TERM ;;
    esac
    signal "$1" "$name" CONT # one that is paused hears nothing else
  done
  for _ in $(seq 100); do
    [ -n "$(running "$1")" ] || return 0
    sleep 0.1
  done
  for name in $(running "$1"); do signal "$1" "$name" KILL; done
}

running() { # DIR: the names of what runs in it
  local d
  for d in "$1"/*/; do
    if alive "$d/pid"; then basename "$d"; fi
  done
}

# The functions of kafka3-2 are those of kafka3.
set_of() { echo "${1%-[0-9]}"; }

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
  install) for name in "$@"; do "get_$name"; done ;;
  start)
    dir=$1; shift
    mkdir -p "$dir"
    for name in "$@"; do "start_$(set_of "$name")" "$dir" "$name"; done
    for name in "$@"; do "env_$(set_of "$name")" "$dir"; done
    ;;
  has) "has_$1" ;;
  env) for name in $(running "$1" | sed 's/-[0-9]$//' | uniq); do "env_$name" "$1"; done ;;
  kill)
    signal "$1" "$2" "${3:-KILL}"
    [ "${3:-KILL}" != KILL ] || until ! alive "$1/$2/pid"; do sleep 0.02; done
    ;;
  ctl) "ctl_$2" "$1" "${@:3}" ;;
  stop) stop_all "$1" ;;
  clean) stop_all "$1"; rm -rf "$1" ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
