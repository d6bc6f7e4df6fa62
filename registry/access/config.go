package access

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// A Config says who may use a registry. It is part of the settings file of the
// server.
type Config struct {
	Realm     string     `yaml:"realm"` // shown when credentials are asked for; empty means SchemaRegistry
	Basic     *Basic     `yaml:"basic"`
	Bearer    *Bearer    `yaml:"bearer"`
	MTLS      *MTLS      `yaml:"mtls"`
	Anonymous *Anonymous `yaml:"anonymous"`
	// Grants say who may do what. Without one nobody may do anything, so a
	// Config that asks for credentials must have some.
	Grants    []Grant    `yaml:"grants"`
	RateLimit *RateLimit `yaml:"rate_limit"`
	// TrustedProxies are addresses or networks whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// OnError is told about what goes wrong apart from any request: a file that
	// changed and does not parse, keys that cannot be fetched. Nil means that
	// nobody is. It must be safe for concurrent use.
	OnError func(error) `yaml:"-"`
}

// Basic accepts a name and a password.
type Basic struct {
	// File has lines user:hash or user:hash:group1,group2. A hash is bcrypt's, as
	// htpasswd -B writes it. The file is read again when it changes.
	File string `yaml:"file"`
}

// Bearer accepts signed tokens (JWT) of one issuer.
type Bearer struct {
	// Issuer must be the iss claim of every token. If neither JWKSURL nor JWKSFile
	// is set, its discovery document says where its keys are.
	Issuer   string `yaml:"issuer"`
	JWKSURL  string `yaml:"jwks_url"`
	JWKSFile string `yaml:"jwks_file"` // read again when it changes
	CA       string `yaml:"ca"`        // PEM file of who signs the issuer's certificate; empty means the system's
	// Audience lists values of the aud claim, of which a token must have one.
	Audience []string `yaml:"audience"`
	// Algorithms that signatures may have; empty means RS256, PS256, ES256 and
	// EdDSA. Only those with public keys exist here.
	Algorithms []string `yaml:"algorithms"`
	// Leeway is how far clocks may differ; 0 means a minute, and negative none.
	Leeway time.Duration `yaml:"leeway"`
	// NameClaim and GroupsClaim may be paths with dots into nested claims. Empty
	// means sub and groups. Groups are a list, or one text split at spaces and
	// commas.
	NameClaim   string `yaml:"name_claim"`
	GroupsClaim string `yaml:"groups_claim"`
	// Prefix is put before names and groups, to keep them apart from those of
	// other authenticators.
	Prefix string `yaml:"prefix"`
}

// MTLS accepts client certificates that the server's TLS has verified.
type MTLS struct {
	// Name says which part of the certificate is the name: cn, dns, uri or email.
	// Empty means cn. Of several, the first counts.
	Name string `yaml:"name"`
	// Groups are those of each name. Everyone else has none.
	Groups map[string][]string `yaml:"groups"`
	// Prefix is put before names and groups.
	Prefix string `yaml:"prefix"`
}

// Anonymous lets in who sends no credentials, as user anonymous.
type Anonymous struct {
	Groups []string `yaml:"groups"`
}

// A RateLimit holds each client to a number of requests: a principal, or the
// address of whoever is none.
type RateLimit struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"`   // 0 means two seconds' worth
	Clients   int     `yaml:"clients"` // remembered at once; 0 means 10000
}

// open reports whether nobody is asked who they are.
func (c *Config) open() bool {
	return c.Basic == nil && c.Bearer == nil && c.MTLS == nil && c.Anonymous == nil
}

func (c *Config) check() error {
	switch {
	case c.open() && len(c.Grants) > 0:
		return errors.New("grants: nobody can say who they are; expected basic, bearer, mtls or anonymous beside them")
	case !c.open() && len(c.Grants) == 0:
		return errors.New("grants: there are none, so nobody could do anything; expected at least one, such as {who: [\"*\"], may: [read], subjects: [\"*\"]}")
	case c.RateLimit != nil && !(c.RateLimit.PerSecond > 0 && c.RateLimit.PerSecond <= 1e9):
		return fmt.Errorf("rate_limit.per_second: %v; expected more than 0 and at most 1000000000", c.RateLimit.PerSecond)
	case c.RateLimit != nil && (c.RateLimit.Burst < 0 || c.RateLimit.Clients < 0):
		return errors.New("rate_limit: burst or clients is negative; expected 0 for the default, or more")
	}
	return nil
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for i, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted_proxies[%d]: %q; expected an address or a network such as 10.0.0.0/8", i, text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
