package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/pglog"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

// A store is an open log.
type store struct {
	name   string // for people; without secrets
	log    registry.Log
	close  func() error
	leader func() (url string, self bool) // nil if every server writes
	kafka  string                         // id of the Kafka cluster, if there is one
}

// openStore opens the store that the settings name. The server listens at a URL,
// where others reach it, unless the settings say otherwise.
func openStore(ctx context.Context, cfg *config.Server, at string, log *slog.Logger) (*store, error) {
	switch cfg.Store.Kind {
	case "memory":
		return &store{name: "memory", log: memlog.New(), close: func() error { return nil }}, nil
	case "sqlite":
		return openSQLite(ctx, cfg)
	case "postgres":
		return openPostgres(ctx, cfg)
	case "kafka":
		return openKafka(ctx, cfg, at, log)
	}
	return nil, fmt.Errorf("%s is %q; expected sqlite, memory, postgres or kafka", named(cfg, "store.kind"), cfg.Store.Kind)
}

func openSQLite(ctx context.Context, cfg *config.Server) (*store, error) {
	dir := cfg.Store.SQLite.Dir
	wrap := func(err error) error {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s: %w; expected a folder that this user may write to, and --data names another", named(cfg, "store.sqlite.dir"), err)
		}
		return fmt.Errorf("%s: %w", named(cfg, "store.sqlite.dir"), err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, wrap(fmt.Errorf("make the data folder: %w", err))
	}
	file := filepath.Join(dir, "registry.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) { // one that is there can be read, even where nothing can be written
		if err := writable(dir); err != nil {
			return nil, wrap(err)
		}
	}
	db, err := sqlitelog.Open(ctx, file)
	if err != nil {
		return nil, wrap(err)
	}
	return &store{name: file, log: db, close: db.Close}, nil
}

// writable tries to make a file in a folder, since the errors of SQLite do not
// say what is wrong with it.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func openPostgres(ctx context.Context, cfg *config.Server) (*store, error) {
	p := cfg.Store.Postgres
	url, err := secretOf(cfg, "store.postgres.url_env", p.URLEnv, "store.postgres.url_file", p.URLFile)
	if err != nil {
		return nil, err
	}
	log, err := pglog.Open(ctx, url, pglog.Options{Schema: p.Schema})
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL store: %w", err)
	}
	return &store{name: "postgres", log: log, close: log.Close}, nil
}

func openKafka(ctx context.Context, cfg *config.Server, at string, log *slog.Logger) (*store, error) {
	k := cfg.Store.Kafka
	conf := kafkalog.Config{
		Brokers: k.Brokers, Topic: k.Topic, CheckOnly: !k.Create, GroupID: k.Group,
		URL: cmp.Or(cfg.Advertise, advertised(at)), Follower: !k.Eligible, Sticky: k.Sticky, Logger: log,
	}
	if k.TLS {
		var err error
		if conf.TLS, err = tlsConfig("", k.CA, k.Cert, k.Key); err != nil {
			return nil, fmt.Errorf("store.kafka: %w", err)
		}
	}
	if k.SASL != "none" {
		user := os.Getenv(k.UserEnv)
		if user == "" {
			return nil, fmt.Errorf("$%s is not set; %s names it", k.UserEnv, named(cfg, "store.kafka.user_env"))
		}
		password, err := secretOf(cfg, "store.kafka.password_env", k.PasswordEnv, "store.kafka.password_file", k.PasswordFile)
		if err != nil {
			return nil, err
		}
		conf.SASL = &kafkalog.SASL{Mechanism: k.SASL, User: user, Password: password}
	}
	l, err := kafkalog.Open(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("open the Kafka store, brokers %s: %w", strings.Join(k.Brokers, ", "), err)
	}
	id, err := l.ClusterID(ctx)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("ask the brokers %s for the id of their cluster: %w", strings.Join(k.Brokers, ", "), err)
	}
	return &store{name: "kafka topic " + k.Topic, log: l, close: l.Close, leader: l.Leader, kafka: id}, nil
}

// advertised returns where other machines reach a server that listens at url: on
// this machine, if it listens on all addresses.
func advertised(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsUnspecified() {
		return at
	}
	host, err := os.Hostname()
	if err != nil {
		return at
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// secretOf reads a secret from the file that the settings name, or else from the
// variable. No error repeats it.
func secretOf(cfg *config.Server, envKey, variable, fileKey, file string) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", named(cfg, fileKey), err)
		}
		if secret := strings.TrimSpace(string(text)); secret != "" {
			return secret, nil
		}
		return "", fmt.Errorf("%s: the file %s is empty", named(cfg, fileKey), file)
	}
	if secret := os.Getenv(variable); secret != "" {
		return secret, nil
	}
	return "", fmt.Errorf("$%s is not set; %s names it, and %s can name a file instead", variable, named(cfg, envKey), fileKey)
}
