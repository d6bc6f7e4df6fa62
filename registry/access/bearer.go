package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	maxToken      = 16 << 10 // bytes
	maxName       = 256      // bytes of a name or a group
	maxGroups     = 1000
	defaultLeeway = time.Minute
)

// asymmetric are the algorithms whose keys are public. Those with shared secrets
// are left out: a public key would pass for one.
func asymmetric() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// A tokens checks the tokens of one issuer.
type tokens struct {
	keys       keySource
	algorithms []jose.SignatureAlgorithm
	issuer     string
	audience   jwt.Audience
	leeway     time.Duration
	name       string
	groups     string
	prefix     string
}

func newTokens(cfg Bearer, report func(error)) (*tokens, error) {
	t := &tokens{
		algorithms: []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA},
		issuer:     cfg.Issuer, audience: cfg.Audience, leeway: cfg.Leeway, prefix: cfg.Prefix,
		name: cfg.NameClaim, groups: cfg.GroupsClaim,
	}
	if cfg.Issuer == "" {
		return nil, errors.New("bearer.issuer: it is empty; expected the iss claim of the tokens")
	}
	if len(cfg.Audience) == 0 || slices.Contains(cfg.Audience, "") {
		return nil, errors.New("bearer.audience: it is empty; without it tokens meant for others would do")
	}
	if len(cfg.Algorithms) > 0 {
		t.algorithms = nil
	}
	for _, a := range cfg.Algorithms {
		if !slices.Contains(asymmetric(), jose.SignatureAlgorithm(a)) {
			return nil, fmt.Errorf("bearer.algorithms: %q; expected some of %v", a, asymmetric())
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(a))
	}
	switch {
	case t.leeway == 0:
		t.leeway = defaultLeeway
	case t.leeway < 0:
		t.leeway = 0
	}
	if t.name == "" {
		t.name = "sub"
	}
	if t.groups == "" {
		t.groups = "groups"
	}
	var err error
	t.keys, err = newKeySource(cfg, report)
	return t, err
}

// verify returns whom a token is for. errCredentials says no more: why a token
// was refused helps only who forges them.
func (t *tokens) verify(ctx context.Context, raw string) (Principal, error) {
	if len(raw) > maxToken {
		return Principal{}, errCredentials
	}
	token, err := jwt.ParseSigned(raw, t.algorithms)
	if err != nil || len(token.Headers) != 1 {
		return Principal{}, errCredentials
	}
	keys, err := t.keys.find(ctx, token.Headers[0])
	if err != nil {
		return Principal{}, err
	}
	for _, k := range keys {
		var claims jwt.Claims
		all := map[string]json.RawMessage{}
		if token.Claims(k, &claims, &all) == nil {
			return t.principal(claims, all)
		}
	}
	return Principal{}, errCredentials
}

// principal reads the claims of a token whose signature is right.
func (t *tokens) principal(claims jwt.Claims, all map[string]json.RawMessage) (Principal, error) {
	expected := jwt.Expected{Issuer: t.issuer, AnyAudience: t.audience, Time: time.Now()}
	if claims.Expiry == nil || claims.ValidateWithLeeway(expected, t.leeway) != nil {
		return Principal{}, errCredentials
	}
	p := Principal{How: HowBearer}
	if json.Unmarshal(claim(all, t.name), &p.Name) != nil || !plain(p.Name) {
		return Principal{}, errCredentials
	}
	raw := claim(all, t.groups)
	var text string
	switch {
	case raw == nil:
	case json.Unmarshal(raw, &text) == nil:
		p.Groups = splitList(text)
	case json.Unmarshal(raw, &p.Groups) != nil:
		return Principal{}, errCredentials
	}
	if len(p.Groups) > maxGroups {
		return Principal{}, errCredentials
	}
	p.Name = t.prefix + p.Name
	for i, g := range p.Groups {
		if !plain(g) {
			return Principal{}, errCredentials
		}
		p.Groups[i] = t.prefix + g
	}
	return p, nil
}

// plain reports whether a name can stand in a log and in a grant.
func plain(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl)
}

// claim finds a claim by its name, or by a path of names with dots between them.
func claim(all map[string]json.RawMessage, path string) json.RawMessage {
	if raw, ok := all[path]; ok {
		return raw
	}
	for i, r := range path {
		if r != '.' {
			continue
		}
		var inner map[string]json.RawMessage
		if raw, ok := all[path[:i]]; ok && json.Unmarshal(raw, &inner) == nil {
			if found := claim(inner, path[i+1:]); found != nil {
				return found
			}
		}
	}
	return nil
}
