package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// registry returns a client for the registry of the environment, or for url if
// one is given, and how to name it without credentials.
func (a *app) registry(cfg *config.Config, name, url string, more ...client.Option) (*client.Client, string, error) {
	if url != "" {
		reg := client.New(url, append(credentials("WIREPROOF_REGISTRY"), more...)...)
		return reg, strings.Join(reg.URLs(), ","), nil
	}
	name, env, err := cfg.Environment(name)
	if err != nil {
		return nil, "", exitWith(exitUsage, err)
	}
	if env.Registry == "" {
		return nil, "", usagef("%s: environment %q names no registry", cfg.Path, name)
	}
	var opts []client.Option
	switch env.Auth {
	case "basic":
		user, err := secret(env.UserEnv, "user_env")
		if err != nil {
			return nil, "", err
		}
		password, err := secret(env.PasswordEnv, "password_env")
		if err != nil {
			return nil, "", err
		}
		opts = append(opts, client.Basic(user, password))
	case "bearer":
		token, err := secret(env.TokenEnv, "token_env")
		if err != nil {
			return nil, "", err
		}
		opts = append(opts, client.Bearer(token))
	}
	if env.TLS != (config.TLS{}) {
		conf, err := tlsConfig(cfg.Dir, env.TLS.CA, env.TLS.Cert, env.TLS.Key)
		if err != nil {
			return nil, "", err
		}
		opts = append(opts, client.TLS(conf))
	}
	reg := client.New(env.Registry, append(opts, more...)...)
	return reg, strings.Join(reg.URLs(), ","), nil
}

// openRegistry is registry for commands that need no settings where a URL is
// given.
func (a *app) openRegistry(url string, more ...client.Option) (*client.Client, string, error) {
	if url != "" {
		return a.registry(nil, "", url, more...)
	}
	cfg, err := a.settings()
	if err != nil {
		return nil, "", err
	}
	return a.registry(cfg, a.env, "", more...)
}

// credentials returns how to sign in to a registry that a flag names: what the
// variables that start with a prefix say.
func credentials(prefix string) []client.Option {
	if token := os.Getenv(prefix + "_TOKEN"); token != "" {
		return []client.Option{client.Bearer(token)}
	}
	if user := os.Getenv(prefix + "_USER"); user != "" {
		return []client.Option{client.Basic(user, os.Getenv(prefix+"_PASSWORD"))}
	}
	return nil
}

// registryFailure gives an error of the registry its exit code; one that has a code
// keeps it.
func registryFailure(err error) error {
	if errors.As(err, new(*exit)) {
		return err
	}
	var e *api.Error
	if errors.As(err, &e) {
		if status := e.Code.Status(); status == http.StatusUnauthorized || status == http.StatusForbidden {
			return exitWith(exitDenied, err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return err // interrupted
	}
	return exitWith(exitIncomplete, err)
}

// secret reads a secret from the environment variable that the settings name.
func secret(variable, key string) (string, error) {
	if variable == "" {
		return "", usagef("the settings ask to sign in, but %s names no environment variable", key)
	}
	value, ok := os.LookupEnv(variable)
	if !ok {
		return "", exitWith(exitDenied, fmt.Errorf("%s is %s, which is not set", key, variable))
	}
	return value, nil
}

// tlsConfig reads certificates; paths are relative to dir.
func tlsConfig(dir, ca, cert, key string) (*tls.Config, error) {
	at := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(at(ca))
		if err != nil {
			return nil, usagef("read the certificates to trust: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("%s holds no certificate in PEM", at(ca))
		}
	}
	if (cert == "") != (key == "") {
		return nil, usagef("cert and key go together; only one is set")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(at(cert), at(key))
		if err != nil {
			return nil, usagef("read the client's certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// kafka connects to the Kafka cluster of the environment, or to the brokers given.
func (a *app) kafka(ctx context.Context, brokers []string) (*kafkabus.Bus, error) {
	conf := kafkabus.Config{Brokers: brokers, ClientID: "wireproof"}
	if len(brokers) == 0 {
		cfg, err := a.settings()
		if err != nil {
			return nil, exitWith(exitUsage, fmt.Errorf("%w; or give --brokers", err))
		}
		name, env, err := cfg.Environment(a.env)
		if err != nil {
			return nil, exitWith(exitUsage, err)
		}
		if len(env.Kafka.Brokers) == 0 {
			return nil, usagef("%s: environment %q names no kafka brokers; or give --brokers", cfg.Path, name)
		}
		conf.Brokers = env.Kafka.Brokers
		if env.Kafka.TLS {
			if conf.TLS, err = tlsConfig(cfg.Dir, env.Kafka.CA, env.Kafka.Cert, env.Kafka.Key); err != nil {
				return nil, err
			}
		}
		if sasl := env.Kafka.SASL; sasl != "" && sasl != "none" {
			user, err := secret(cmp.Or(env.Kafka.UserEnv, "WIREPROOF_KAFKA_USER"), "kafka.user_env")
			if err != nil {
				return nil, err
			}
			password, err := secret(cmp.Or(env.Kafka.PasswordEnv, "WIREPROOF_KAFKA_PASSWORD"), "kafka.password_env")
			if err != nil {
				return nil, err
			}
			conf.SASL = &kafkabus.SASL{Mechanism: sasl, User: user, Password: password}
		}
	}
	bus, err := kafkabus.Open(ctx, conf)
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	return bus, nil
}

// closing joins the error of a close to that of the work.
func closing(err *error, close func() error) { *err = errors.Join(*err, close()) }
