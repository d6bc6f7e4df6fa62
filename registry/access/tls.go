package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// A TLSConfig says how a server proves who it is and what it wants of clients.
// Its files are read again when they change; connections that are open keep what
// they have.
type TLSConfig struct {
	Cert     string `yaml:"cert"`      // PEM file, the server's certificate first
	Key      string `yaml:"key"`       // PEM file
	ClientCA string `yaml:"client_ca"` // PEM file of who signs client certificates
	// ClientAuth is none, request (a certificate is optional, one that is sent must
	// be valid) or require. Empty means none, or require if ClientCA is set.
	ClientAuth string `yaml:"client_auth"`
	MinVersion string `yaml:"min_version"` // 1.2 or 1.3; empty means 1.2
	// OnError is told about files that changed and cannot be used; the old content
	// then stays in use. Nil means that nobody is.
	OnError func(error) `yaml:"-"`
}

// ServerTLS returns settings for a server of HTTP/2 and HTTP/1.1.
func ServerTLS(cfg TLSConfig) (*tls.Config, error) {
	if cfg.Cert == "" || cfg.Key == "" {
		return nil, errors.New("tls: cert or key is empty; expected the paths of two PEM files")
	}
	minVersion, ok := map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[cfg.MinVersion]
	if !ok {
		return nil, fmt.Errorf("tls.min_version: %q; expected 1.2 or 1.3", cfg.MinVersion)
	}
	clientAuth, err := cfg.clientAuth()
	if err != nil {
		return nil, err
	}
	report := cfg.OnError
	if report == nil {
		report = func(error) {}
	}
	paths := []string{cfg.Cert, cfg.Key}
	if clientAuth != tls.NoClientCert {
		paths = append(paths, cfg.ClientCA)
	}
	load := func() (*tls.Config, error) { return cfg.load(minVersion, clientAuth) }
	files, err := newReloading(load, func(err error) { report(fmt.Errorf("tls: %w", err)) }, paths...)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{
		MinVersion: minVersion,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return files.get(), nil
		},
		// Servers ask for one of these before they start, and then ask the above.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &files.get().Certificates[0], nil
		},
	}, nil
}

func (cfg TLSConfig) clientAuth() (tls.ClientAuthType, error) {
	mode := cfg.ClientAuth
	if mode == "" && cfg.ClientCA != "" {
		mode = "require"
	}
	var auth tls.ClientAuthType
	switch mode {
	case "", "none":
		return tls.NoClientCert, nil
	case "request":
		auth = tls.VerifyClientCertIfGiven
	case "require":
		auth = tls.RequireAndVerifyClientCert
	default:
		return 0, fmt.Errorf("tls.client_auth: %q; expected none, request or require", cfg.ClientAuth)
	}
	if cfg.ClientCA == "" {
		// The system's authorities sign for the whole world.
		return 0, fmt.Errorf("tls.client_ca: it is empty; client_auth %s needs to know who signs client certificates", mode)
	}
	return auth, nil
}

func (cfg TLSConfig) load(minVersion uint16, auth tls.ClientAuthType) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cfg.Cert, cfg.Key, err)
	}
	var pool *x509.CertPool
	if auth != tls.NoClientCert {
		if pool, err = loadPool(cfg.ClientCA); err != nil {
			return nil, err
		}
	}
	return &tls.Config{
		MinVersion:   minVersion,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{cert},
		ClientAuth:   auth,
		ClientCAs:    pool,
		// A session that is resumed would bring a certificate along that a newer
		// list of authorities does not know.
		SessionTicketsDisabled: auth != tls.NoClientCert,
	}, nil
}
