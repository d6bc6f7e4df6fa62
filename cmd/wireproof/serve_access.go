package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/access"
	"github.com/wireproof/wireproof/registry/api"
)

// serverAccess is who may do what on a server, and what is written down of it.
type serverAccess struct {
	guard *access.Guard
	tls   *tls.Config // nil for plain HTTP
	audit *access.Audit
}

// newAccess opens the files that the settings name.
func newAccess(s *server) (*serverAccess, error) {
	a := &serverAccess{}
	report := func(what string) func(error) {
		return func(err error) { s.log.Error(what, "error", err) }
	}
	conf := accessConfig(s.cfg.Auth)
	conf.OnError = report("access: old settings stay in use")
	var err error
	if a.guard, err = access.New(conf); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if s.cfg.TLS.Cert != "" {
		t := s.cfg.TLS
		a.tls, err = access.ServerTLS(access.TLSConfig{
			Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientAuth: t.ClientAuth, MinVersion: t.MinVersion,
			OnError: report("tls: old certificates stay in use"),
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", named(s.cfg, "tls.cert"), err)
		}
		s.metrics.CertificateExpiry(a.certificateEnd)
	}
	if s.cfg.Audit.File != "" {
		a.audit, err = access.OpenAudit(s.cfg.Audit.File, func(err error) {
			s.metrics.AuditFailed()
			report("audit log")(err)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", named(s.cfg, "audit.file"), err)
		}
		s.closers = append(s.closers, a.audit.Close)
	}
	return a, nil
}

// accessConfig returns the settings as package access has them.
func accessConfig(a config.Auth) access.Config {
	out := access.Config{Realm: a.Realm, TrustedProxies: a.TrustedProxies}
	if b := a.Basic; b != nil {
		out.Basic = &access.Basic{File: b.File}
	}
	if b := a.Bearer; b != nil {
		out.Bearer = &access.Bearer{
			Issuer: b.Issuer, JWKSURL: b.JWKSURL, JWKSFile: b.JWKSFile, CA: b.CA, Audience: b.Audience,
			Algorithms: b.Algorithms, Leeway: time.Duration(b.Leeway), NameClaim: b.NameClaim,
			GroupsClaim: b.GroupsClaim, Prefix: b.Prefix,
		}
	}
	if m := a.MTLS; m != nil {
		out.MTLS = &access.MTLS{Name: m.Name, Groups: m.Groups, Prefix: m.Prefix}
	}
	if n := a.Anonymous; n != nil {
		out.Anonymous = &access.Anonymous{Groups: n.Groups}
	}
	for _, g := range a.Grants {
		out.Grants = append(out.Grants, access.Grant{Who: g.Who, May: g.May, Subjects: g.Subjects, Contexts: g.Contexts})
	}
	if l := a.RateLimit; l != nil {
		out.RateLimit = &access.RateLimit{PerSecond: l.PerSecond, Burst: l.Burst, Clients: l.Clients}
	}
	return out
}

// certificate returns the certificate that clients are shown now.
func (a *serverAccess) certificate() (*tls.Certificate, error) {
	if a.tls.GetCertificate != nil {
		return a.tls.GetCertificate(&tls.ClientHelloInfo{})
	}
	if len(a.tls.Certificates) == 0 {
		return nil, errors.New("tls: there is no certificate")
	}
	return &a.tls.Certificates[0], nil
}

// certificateEnd returns when that certificate ends; the zero time if nobody can
// tell.
func (a *serverAccess) certificateEnd() time.Time {
	cert, err := a.certificate()
	if err != nil || len(cert.Certificate) == 0 {
		return time.Time{}
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// toLeader returns what carries requests to the server that leads. Between
// servers with certificates, this one shows its own.
func (a *serverAccess) toLeader(cfg *config.Server) (http.RoundTripper, error) {
	conf, err := tlsConfig("", cfg.TLS.PeerCA, "", "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", named(cfg, "tls.peer_ca"), err)
	}
	if a.tls != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return a.certificate() }
	}
	return &http.Transport{
		TLSClientConfig: conf, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
	}, nil
}

// who names the sender of a request.
func (a *serverAccess) who(ctx context.Context) string {
	p, _ := access.PrincipalFrom(ctx)
	return p.Name
}

// onWrite returns what is told about every change, or nil.
func (a *serverAccess) onWrite() func(context.Context, registry.Write) {
	if a.audit == nil {
		return nil
	}
	return a.audit.Write
}

// readers lets in who may read something.
func (a *serverAccess) readers(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.guard.Allows(r.Context(), api.Read, "") {
			writeJSON(w, r, http.StatusForbidden, api.Forbidden.With("User is denied operation Read on the server"))
			return
		}
		next(w, r)
	})
}
