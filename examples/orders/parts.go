package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL
	"github.com/twmb/franz-go/pkg/kfake"
	_ "modernc.org/sqlite" // the database in this process

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/outbox/pgwake"
	"github.com/wireproof/wireproof/examples/orders/gen/orders"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// A config says where the parts are. Those that are not given run in this process.
type config struct {
	listen   string   // host:port of the shop
	database string   // URL of PostgreSQL
	brokers  []string // host:port of Kafka
	registry string   // URL of the schema registry

	kafkaPort, registryPort int // of those in this process
}

func fromEnv(getenv func(string) string) config {
	c := config{
		listen:   cmp.Or(getenv("LISTEN"), "127.0.0.1:8080"),
		database: getenv("DATABASE_URL"), registry: getenv("REGISTRY_URL"),
		kafkaPort: 9092, registryPort: 8081,
	}
	if b := getenv("KAFKA_BROKERS"); b != "" {
		c.brokers = strings.Split(b, ",")
	}
	return c
}

// parts are what the shop stands on.
type parts struct {
	db       *sql.DB
	wake     <-chan struct{} // something after each commit for the outbox; nil where it polls
	bus      *kafkabus.Bus
	registry *client.Client
	publish  []codec.SerializerOption

	closers []func() error // in the order of opening
}

// open opens all parts. They are to be closed also after an error.
func open(ctx context.Context, c config, log *slog.Logger) (p *parts, err error) {
	p = &parts{}
	if err := p.openDatabase(ctx, c, log); err != nil {
		return p, fmt.Errorf("database: %w", err)
	}
	if err := p.openBus(ctx, c); err != nil {
		return p, fmt.Errorf("kafka: %w", err)
	}
	if err := p.openRegistry(ctx, c); err != nil {
		return p, fmt.Errorf("registry: %w", err)
	}
	return p, nil
}

func (p *parts) close() error {
	var errs []error
	for _, c := range slices.Backward(p.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (p *parts) onClose(f func() error) { p.closers = append(p.closers, f) }

func (p *parts) openDatabase(ctx context.Context, c config, log *slog.Logger) (err error) {
	driver, url := "pgx", c.database
	if url == "" {
		dir, err := os.MkdirTemp("", "orders-")
		if err != nil {
			return err
		}
		p.onClose(func() error { return os.RemoveAll(dir) })
		driver, url = "sqlite", "file:"+filepath.Join(dir, "shop.db")+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_txlock=immediate"
	} else if p.wake, err = pgwake.Listen(ctx, url, log); err != nil {
		return err
	}
	if p.db, err = sql.Open(driver, url); err != nil {
		return err
	}
	p.onClose(p.db.Close)
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS charges (order_id TEXT NOT NULL, total TEXT NOT NULL)`, // one for each order: the inbox sees to it
		`CREATE INDEX IF NOT EXISTS charges_order ON charges (order_id)`,
	} {
		if _, err := p.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) openBus(ctx context.Context, c config) (err error) {
	if len(c.brokers) == 0 {
		broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(c.kafkaPort))
		if err != nil {
			return fmt.Errorf("a broker in this process: %w; KAFKA_BROKERS names others", err)
		}
		p.onClose(func() error { broker.Close(); return nil })
		c.brokers = broker.ListenAddrs()
	}
	if p.bus, err = kafkabus.Open(ctx, kafkabus.Config{Brokers: c.brokers, ClientID: "orders"}); err != nil {
		return err
	}
	p.onClose(func() error { return p.bus.Close(context.Background()) })
	return p.bus.MakeTopic(ctx, orders.Topic, "")
}

// openRegistry registers schemas only in a registry of its own: in others,
// wireproof push does, after wireproof check.
func (p *parts) openRegistry(ctx context.Context, c config) error {
	if c.registry == "" {
		reg, err := registry.Open(ctx, memlog.New(), all.Lenient(), registry.Rules(compat.Default()), registry.Options{})
		if err != nil {
			return err
		}
		p.onClose(func() error { reg.Close(); return nil })
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.registryPort))
		if err != nil {
			return fmt.Errorf("one in this process: %w; REGISTRY_URL names another", err)
		}
		server := &http.Server{Handler: rest.New(reg, rest.Options{}), ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.Serve(l) }()
		p.onClose(server.Close)
		c.registry = "http://" + l.Addr().String()
		p.publish = append(p.publish, codec.RegisterSchemas())
	}
	p.registry = client.New(c.registry)
	return nil
}
