// Package config reads wireproof.yaml. It knows the keys, their places and what
// is wrong with them; it opens no schema and no connection. Secrets are never in
// the file: it names environment variables that hold them.
package config

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Name is the name of the settings file.
const Name = "wireproof.yaml"

// A Config is the content of one settings file.
type Config struct {
	// Path is the file, as it was found; Dir the folder that it is in.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`

	Version      int                    `yaml:"version" doc:"Version of this format; 1."`
	Schemas      string                 `yaml:"schemas" doc:"Folder of the schemas, relative to this file; the root of imports. Default: schemas."`
	Generate     Generate               `yaml:"generate" doc:"What generate writes."`
	Subjects     Subjects               `yaml:"subjects" doc:"How subjects are named, and what may change in them."`
	Events       []Event                `yaml:"events" doc:"What is published where; one entry is one event."`
	Topics       []Topic                `yaml:"topics" doc:"What Kafka topics must be, for topics plan and apply."`
	Check        Check                  `yaml:"check" doc:"What fails check."`
	Environments map[string]Environment `yaml:"environments" doc:"Registries and brokers by name."`

	doc *document
}

// Generate says what generate writes.
type Generate struct {
	Out string `yaml:"out" doc:"Folder of the generated Go, relative to this file. Default: gen."`
}

// Subjects says how subjects are named, and what may change in them.
type Subjects struct {
	Naming        string     `yaml:"naming" enum:"topic,record,topic-record" doc:"Strategy for subject names. Default: topic-record."`
	Compatibility string     `yaml:"compatibility" enum:"NONE,BACKWARD,BACKWARD_TRANSITIVE,FORWARD,FORWARD_TRANSITIVE,FULL,FULL_TRANSITIVE" doc:"Compatibility level of subjects. Default: BACKWARD_TRANSITIVE."`
	Overrides     []Override `yaml:"overrides" doc:"Levels of subjects whose name matches; the last match wins."`
}

// An Override sets the level of subjects that match a pattern.
type Override struct {
	Match         string `yaml:"match" doc:"Pattern of subject names; * stands for any text without a slash."`
	Compatibility string `yaml:"compatibility" enum:"NONE,BACKWARD,BACKWARD_TRANSITIVE,FORWARD,FORWARD_TRANSITIVE,FULL,FULL_TRANSITIVE" doc:"Compatibility level."`
}

// An Event says that the messages of a topic may hold a schema.
type Event struct {
	Schema  string `yaml:"schema" doc:"Schema file, relative to schemas."`
	Message string `yaml:"message" doc:"Full name of the message; needed for a .proto file with more than one."`
	Topic   string `yaml:"topic" doc:"Topic that the event is published on."`
	Key     string `yaml:"key" doc:"Field that orders the events; without one they have no key."`
}

// Check says what fails check.
type Check struct {
	Against []string          `yaml:"against" doc:"Baselines, as --against takes them, when none is given. Default: git's merge base with the default branch."`
	FailOn  string            `yaml:"fail_on" enum:"error,warning" doc:"Lowest severity that fails. Default: error."`
	Rules   map[string]string `yaml:"rules" doc:"Severity of rules by id: error, warning, info or off."`
	Waivers []Waiver          `yaml:"waivers" doc:"Findings that are accepted for a time."`
}

// A Waiver accepts one finding until a day.
type Waiver struct {
	ID     string `yaml:"id" doc:"The finding, twelve hexadecimal digits, as check prints it."`
	Reason string `yaml:"reason" doc:"Why it is accepted."`
	Owner  string `yaml:"owner" doc:"Who answers for it."`
	Until  string `yaml:"until" doc:"Last day on which it holds, YYYY-MM-DD."`
}

// An Environment is a registry and a broker.
type Environment struct {
	Registry    string `yaml:"registry" doc:"URL of the registry; ${NAME} is taken from the environment."`
	Auth        string `yaml:"auth" enum:"none,basic,bearer" doc:"How to sign in. Default: none."`
	UserEnv     string `yaml:"user_env" doc:"Environment variable that holds the user (basic)."`
	PasswordEnv string `yaml:"password_env" doc:"Environment variable that holds the password (basic)."`
	TokenEnv    string `yaml:"token_env" doc:"Environment variable that holds the token (bearer)."`
	TLS         TLS    `yaml:"tls" doc:"Certificates for the registry."`
	Kafka       Kafka  `yaml:"kafka" doc:"The Kafka cluster."`
}

// TLS names certificate files, in PEM.
type TLS struct {
	CA   string `yaml:"ca" doc:"File with the certificates of the authorities to trust; without it, the system's."`
	Cert string `yaml:"cert" doc:"File with the client's certificate (mTLS)."`
	Key  string `yaml:"key" doc:"File with the client's key (mTLS)."`
}

// Kafka says how to reach a Kafka cluster.
type Kafka struct {
	Brokers     []string `yaml:"brokers" doc:"host:port of some brokers."`
	Replicas    int      `yaml:"replicas" doc:"Copies of each topic in this cluster, in place of what topics say."`
	TLS         bool     `yaml:"tls" doc:"Speak TLS."`
	CA          string   `yaml:"ca" doc:"File with the certificates of the authorities to trust."`
	Cert        string   `yaml:"cert" doc:"File with the client's certificate (mTLS)."`
	Key         string   `yaml:"key" doc:"File with the client's key (mTLS)."`
	SASL        string   `yaml:"sasl" enum:"none,plain,scram-sha-256,scram-sha-512" doc:"How to sign in. Default: none."`
	UserEnv     string   `yaml:"user_env" doc:"Environment variable that holds the user. Default: WIREPROOF_KAFKA_USER."`
	PasswordEnv string   `yaml:"password_env" doc:"Environment variable that holds the password. Default: WIREPROOF_KAFKA_PASSWORD."`
}

// Find looks for the settings file in dir and its parents, up to the root of the
// repository (a folder with .git) or of the file system.
func Find(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for d := abs; ; d = filepath.Dir(d) {
		file := filepath.Join(d, Name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
		if isRepository(d) || d == filepath.Dir(d) {
			return "", fmt.Errorf("no %s in %s or above it: wireproof init makes one", Name, abs)
		}
	}
}

// isRepository reports whether dir is the root of a git repository or worktree.
func isRepository(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ".git"))
	return err == nil
}

// Load reads and checks the file at path. Mistakes in it are an [Errors].
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	c, err := Parse(path, string(text))
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Level returns the compatibility level of a subject.
func (c *Config) Level(subject string) string {
	level := c.Subjects.Compatibility
	for _, o := range c.Subjects.Overrides {
		if ok, err := path.Match(o.Match, subject); err == nil && ok {
			level = o.Compatibility
		}
	}
	return level
}

// SchemaDir returns the schema root as a path of the file system.
func (c *Config) SchemaDir() string { return filepath.Join(c.Dir, filepath.FromSlash(c.Schemas)) }

// OutDir returns the folder of generated code as a path of the file system.
func (c *Config) OutDir() string { return filepath.Join(c.Dir, filepath.FromSlash(c.Generate.Out)) }

// Environment returns the named environment with ${NAME} replaced. An empty name
// means WIREPROOF_ENV, then the only one, then "dev".
func (c *Config) Environment(name string) (string, Environment, error) {
	if name == "" {
		name = os.Getenv("WIREPROOF_ENV")
	}
	if name == "" && len(c.Environments) == 1 {
		for only := range c.Environments {
			name = only
		}
	}
	if name == "" {
		name = "dev"
	}
	env, ok := c.Environments[name]
	if !ok {
		return name, env, fmt.Errorf("%s: no environment %q; there is %s", c.Path, name, orNone(keys(c.Environments)))
	}
	var missing []string
	expand := func(s string) string {
		return os.Expand(s, func(key string) string {
			value, ok := os.LookupEnv(key)
			if !ok {
				missing = append(missing, key)
			}
			return value
		})
	}
	env.Registry = expand(env.Registry)
	brokers := make([]string, 0, len(env.Kafka.Brokers))
	for _, b := range env.Kafka.Brokers {
		brokers = append(brokers, strings.Split(expand(b), ",")...)
	}
	env.Kafka.Brokers = brokers
	if len(missing) > 0 {
		return name, env, fmt.Errorf("%s: environment %q needs the variable %s, which is not set", c.Path, name, strings.Join(missing, ", "))
	}
	return name, env, nil
}

// Expired reports whether w no longer holds on the given day.
func (w Waiver) Expired(now time.Time) bool {
	until, err := time.Parse(time.DateOnly, w.Until)
	return err != nil || !now.Before(until.AddDate(0, 0, 1))
}
