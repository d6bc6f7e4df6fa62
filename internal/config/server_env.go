package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// environment returns the variables of an environment. Empty ones count as not
// set, since that is what wrappers make of those they do not know.
func environment(list []string) map[string]string {
	env := map[string]string{}
	for _, line := range list {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(value) != "" {
			env[name] = value
		}
	}
	return env
}

// serverConfigVariable names the settings file itself.
const serverConfigVariable = ServerPrefix + "CONFIG"

// ServerPath returns the settings file that the environment names, or "".
func ServerPath(env []string) string { return environment(env)[serverConfigVariable] }

// fromOwn returns what the variables WIREPROOF_SERVE_… say, in the order of the
// settings. An unknown one is an error, as an unknown key of the file is.
func fromOwn(env map[string]string) ([]Setting, error) {
	var out []Setting
	known := map[string]bool{serverConfigVariable: true}
	names := []string{serverConfigVariable}
	for _, k := range serverKeys() {
		name := k.variable()
		known[name] = true
		names = append(names, name)
		if value, ok := env[name]; ok {
			out = append(out, Setting{k.name, value, "$" + name})
		}
	}
	var errs []error
	for _, name := range keys(env) {
		if strings.HasPrefix(name, ServerPrefix) && !known[name] && !isServiceLink(strings.TrimPrefix(name, "WIREPROOF_SERVE"), env[name]) {
			errs = append(errs, fmt.Errorf("$%s: there is no such setting%s", name, suggestion(name, names)))
		}
	}
	return out, errors.Join(errs...)
}

var serviceLink = regexp.MustCompile(`^_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// isServiceLink reports whether a variable is one that Kubernetes gives to every
// container for a service of this name. Without the value, PORT could be a
// setting.
func isServiceLink(suffix, value string) bool {
	return serviceLink.MatchString(suffix) && (suffix != "_PORT" || strings.Contains(value, "://"))
}

var userInfo = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/\s@]*@`)

// hideCredentials replaces user and password in URLs.
func hideCredentials(text string) string { return userInfo.ReplaceAllString(text, "${1}xxxxx@") }

// hasCredentials reports whether a URL names a user or a password.
func hasCredentials(text string) bool { return userInfo.MatchString(text) }

// ServerVariables returns the environment variable of each setting with what the
// setting means, in the order of the settings; Value is the default.
func ServerVariables() []Variable {
	var out []Variable
	for _, k := range serverKeys() {
		v := Variable{Name: k.variable(), Key: k.name, Default: k.field.Tag.Get("default"), Doc: k.field.Tag.Get("doc")}
		if tag := k.field.Tag.Get("enum"); tag != "" {
			v.Values = strings.Split(tag, ",")
		}
		out = append(out, v)
	}
	return slices.Clip(out)
}

// A Variable is an environment variable that holds a setting.
type Variable struct {
	Name, Key, Default, Doc string
	Values                  []string // that it may have; nil means any
}

// SecretVariables returns the environment variables in which secrets are looked
// for, as far as the settings use them.
func (s *Server) SecretVariables() []string {
	var out []string
	switch store := s.Store; store.Kind {
	case "postgres":
		if store.Postgres.URLFile == "" {
			out = append(out, store.Postgres.URLEnv)
		}
	case "kafka":
		if store.Kafka.SASL != "none" {
			out = append(out, store.Kafka.UserEnv)
			if store.Kafka.PasswordFile == "" {
				out = append(out, store.Kafka.PasswordEnv)
			}
		}
	}
	return out
}
