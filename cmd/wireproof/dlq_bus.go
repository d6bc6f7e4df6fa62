package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/event/redisbus"
)

const busUsage = "such as kafka://host:port, nats://host:port, amqp://user:password@host:port/vhost (RabbitMQ) or redis://host:port/0?prefix=wireproof:; also tls, amqps and rediss, with ?ca=FILE, &cert=FILE&key=FILE and, for NATS, ?creds=FILE; or log:WHERE, an event log in a folder, a SQLite file or a postgres:// database"

// bus connects to the broker of a URL, or else to the Kafka cluster of the brokers or
// the environment.
func (a *app) bus(ctx context.Context, where string, brokers []string) (event.Bus, error) {
	if where == "" {
		return a.kafka(ctx, brokers)
	}
	if len(brokers) > 0 {
		return nil, usagef("--bus and --brokers both name a broker; give one of them")
	}
	if log, ok := strings.CutPrefix(where, "log:"); ok {
		return a.logBus(ctx, log)
	}
	scheme, rest, _ := strings.Cut(where, "://")
	if scheme == "kafka" {
		return a.kafka(ctx, strings.Split(strings.TrimRight(rest, "/"), ","))
	}
	urls, files, err := splitFiles(a.dir, where)
	if err != nil {
		return nil, err
	}
	if files.creds != "" && scheme != "nats" && scheme != "tls" {
		return nil, usagef("--bus: creds is for NATS; expected a user and a password in the URL")
	}
	var bus event.Bus
	switch scheme {
	case "nats", "tls":
		bus, err = natsbus.Open(ctx, natsbus.Config{Servers: urls, TLS: files.tls, Credentials: files.creds})
	case "amqp", "amqps":
		bus, err = amqpbus.Open(ctx, amqpbus.Config{URLs: urls, TLS: files.tls})
	case "redis", "rediss", "unix":
		if files.tls != nil && scheme != "rediss" {
			return nil, usagef("--bus: ca, cert and key are for TLS; expected a URL that begins with rediss")
		}
		bus, err = openRedis(ctx, strings.Join(urls, ","), files.tls)
	case "pubsub", "gcppubsub":
		return nil, usagef("--bus %s: Google Pub/Sub is not linked into this command, for its client is a module of its own; use package event/dlq with event/pubsubbus in a program", where)
	default:
		return nil, usagef("--bus has scheme %q; expected kafka, nats, tls, amqp, amqps, redis, rediss, or log:WHERE", scheme)
	}
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	return bus, nil
}

// busFiles is what the URL of a broker names files for.
type busFiles struct {
	tls   *tls.Config // nil if it names none for it
	creds string
}

// splitFiles takes the names of files, relative to dir, out of the URLs of a broker.
func splitFiles(dir, where string) (urls []string, files busFiles, err error) {
	urls = strings.Split(where, ",")
	names := map[string]string{}
	for i, u := range urls {
		base, query, _ := strings.Cut(u, "?")
		q, err := url.ParseQuery(query)
		if err != nil { // it may hold a password
			return nil, busFiles{}, usagef("--bus: what follows the ? does not parse; expected name=value, with & between them")
		}
		for _, name := range []string{"ca", "cert", "key", "creds"} {
			if q.Has(name) {
				names[name] = q.Get(name)
				q.Del(name)
			}
		}
		if urls[i] = base; len(q) > 0 {
			urls[i] += "?" + q.Encode()
		}
	}
	if files.creds = names["creds"]; files.creds != "" && !filepath.IsAbs(files.creds) {
		files.creds = filepath.Join(dir, files.creds)
	}
	if names["ca"] != "" || names["cert"] != "" || names["key"] != "" {
		files.tls, err = tlsConfig(dir, names["ca"], names["cert"], names["key"])
	}
	return urls, files, err
}

// A logOwned is a log that closes its store too.
type logOwned struct {
	*eventlog.Log
	store func() error
}

func (l logOwned) Close(ctx context.Context) error {
	return errors.Join(l.Log.Close(ctx), l.store())
}

// logBus opens an event log.
func (a *app) logBus(ctx context.Context, where string) (event.Bus, error) {
	log, closeStore, err := a.openLog(ctx, where)
	if err != nil {
		return nil, err
	}
	return logOwned{log, closeStore}, nil
}

// A redisOwned is a bus that closes its client too.
type redisOwned struct {
	*redisbus.Bus
	client *redis.Client
}

func (r redisOwned) Close(ctx context.Context) error {
	return errors.Join(r.Bus.Close(ctx), r.client.Close())
}

func openRedis(ctx context.Context, where string, files *tls.Config) (event.Bus, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, errors.New("the URL of redis does not parse") // it may hold a password
	}
	query := u.Query()
	prefix := query.Get("prefix")
	query.Del("prefix")
	u.RawQuery = query.Encode()
	opts, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("the URL of redis: %w", err)
	}
	if files != nil {
		files.ServerName = opts.TLSConfig.ServerName
		opts.TLSConfig = files
	}
	redis.SetLogger(silent{}) // an error says what there is to say
	client := redis.NewClient(opts)
	bus, err := redisbus.Open(ctx, client, redisbus.Config{Prefix: prefix})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return redisOwned{bus, client}, nil
}

// silent is a logger of the Redis client, which writes to standard error otherwise.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

var (
	_ event.Browser = redisOwned{}
	_ event.Browser = logOwned{}
)

// groupsOf returns the groups that have dead letters of a topic, where the broker
// can be asked for its topics.
func groupsOf(ctx context.Context, bus event.Bus, topic string) ([]string, error) {
	kafka, ok := bus.(*kafkabus.Bus)
	if !ok {
		return nil, usagef("--group is missing: dead letters belong to a consumer group, and only Kafka can be asked which there are")
	}
	topics, err := kafka.TopicNames(ctx)
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	var groups []string
	for _, name := range topics {
		if rest, ok := strings.CutPrefix(name, topic+"."); ok {
			if group, ok := strings.CutSuffix(rest, ".dlq"); ok && group != "" {
				groups = append(groups, group)
			}
		}
	}
	return groups, nil
}
