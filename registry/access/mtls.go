package access

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// certificates takes the sender from a client certificate.
type certificates struct {
	cfg MTLS
}

func newCertificates(cfg MTLS) (*certificates, error) {
	switch cfg.Name {
	case "", "cn", "dns", "uri", "email":
		return &certificates{cfg}, nil
	}
	return nil, fmt.Errorf("mtls.name: %q; expected cn, dns, uri or email", cfg.Name)
}

// principal returns whom a connection's certificate is for. Only a certificate
// that the server has verified counts, and only while it is valid: a connection
// may outlive it.
func (c *certificates) principal(conn *tls.ConnectionState) (Principal, bool) {
	if conn == nil || len(conn.VerifiedChains) == 0 {
		return Principal{}, false
	}
	leaf := conn.VerifiedChains[0][0]
	name := c.name(leaf)
	if !plain(name) || time.Now().After(leaf.NotAfter) {
		return Principal{}, false
	}
	p := Principal{Name: c.cfg.Prefix + name, How: HowMTLS}
	for _, g := range c.cfg.Groups[name] {
		p.Groups = append(p.Groups, c.cfg.Prefix+g)
	}
	return p, true
}

func (c *certificates) name(leaf *x509.Certificate) string {
	switch {
	case c.cfg.Name == "dns" && len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	case c.cfg.Name == "uri" && len(leaf.URIs) > 0:
		return leaf.URIs[0].String()
	case c.cfg.Name == "email" && len(leaf.EmailAddresses) > 0:
		return leaf.EmailAddresses[0]
	case c.cfg.Name == "cn" || c.cfg.Name == "":
		return leaf.Subject.CommonName
	}
	return ""
}
