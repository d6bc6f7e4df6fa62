package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const confluentPrefix = "SCHEMA_REGISTRY_"

// A confluentSetting says what a variable of Confluent's container image means
// here. The order of the table is that in which they are applied.
type confluentSetting struct {
	name string // without the prefix
	// settings returns what it comes to; env is the whole environment.
	settings func(value string, env map[string]string) ([]Setting, error)
	ignored  string // instead: why it has no effect here
}

// to sets one key to the value as it is.
func to(key string) func(string, map[string]string) ([]Setting, error) {
	return func(value string, _ map[string]string) ([]Setting, error) {
		return []Setting{{Key: key, Value: value}}, nil
	}
}

// millis sets one key to a number of milliseconds.
func millis(key string) func(string, map[string]string) ([]Setting, error) {
	return func(value string, _ map[string]string) ([]Setting, error) {
		return []Setting{{Key: key, Value: strings.TrimSpace(value) + "ms"}}, nil
	}
}

const (
	whyMemory = "all schemas are in memory, and nothing expires"
	whyPEM    = "certificates are PEM files here: set tls.cert, tls.key and tls.client_ca"
	whyKafka  = "the Kafka client needs no such tuning"
	whyJava   = "there is no Java machine here"
)

// confluentSettings is every variable of the image that this server knows.
func confluentSettings() []confluentSetting {
	return []confluentSetting{
		{name: "LISTENERS", settings: listeners},
		{name: "HOST_NAME", settings: hostName},
		{name: "HOST_PORT", settings: silent},
		{name: "INTER_INSTANCE_PROTOCOL", settings: silent},
		{name: "SCHEMA_REGISTRY_INTER_INSTANCE_PROTOCOL", settings: silent},
		{name: "KAFKASTORE_BOOTSTRAP_SERVERS", settings: bootstrapServers},
		{name: "KAFKASTORE_TOPIC", settings: to("store.kafka.topic")},
		{name: "KAFKASTORE_TOPIC_REPLICATION_FACTOR", ignored: "a topic that is made here has three copies, or as many as there are brokers"},
		{name: "KAFKASTORE_INIT_TIMEOUT_MS", settings: millis("store.open_timeout")},
		{name: "KAFKASTORE_SECURITY_PROTOCOL", settings: securityProtocol},
		{name: "KAFKASTORE_SASL_MECHANISM", settings: silent},
		{name: "KAFKASTORE_SASL_JAAS_CONFIG", ignored: "set WIREPROOF_KAFKA_USER and WIREPROOF_KAFKA_PASSWORD instead"},
		{name: "SCHEMA_REGISTRY_GROUP_ID", settings: to("store.kafka.group")},
		{name: "MASTER_ELIGIBILITY", settings: to("store.kafka.eligible")},
		{name: "LEADER_ELIGIBILITY", settings: to("store.kafka.eligible")},
		{name: "LEADER_ELECTION_STICKY", settings: to("store.kafka.sticky")},
		{name: "AVRO_COMPATIBILITY_LEVEL", settings: to("compatibility")},
		{name: "SCHEMA_COMPATIBILITY_LEVEL", settings: to("compatibility")},
		{name: "MODE_MUTABILITY", settings: to("mode_mutability")},
		{name: "SCHEMA_REJECT_EMPTY_SUBJECT", settings: to("reject_empty_subject")},
		{name: "SIZE_LIMIT_FILTER_MAX_REQUEST_BODY_SIZE", settings: to("limits.body")},
		{name: "REQUEST_TIMEOUT_MS", settings: millis("limits.time")},
		{name: "SSL_CLIENT_AUTHENTICATION", settings: clientAuthentication},
		{name: "AUTHENTICATION_METHOD", settings: authenticationMethod},
		{name: "AUTHENTICATION_REALM", settings: to("auth.realm")},
		{name: "DEBUG", settings: debug},
		{name: "LOG4J_ROOT_LOGLEVEL", settings: logLevel},

		{name: "AUTHENTICATION_ROLES", ignored: "auth.grants says who may do what"},
		{name: "AUTHENTICATION_SKIP_PATHS", ignored: "auth.anonymous lets in who sends no credentials"},
		{name: "SIZE_LIMIT_FILTER_ENABLED", ignored: "limits.body always holds"},
		{name: "SCHEMA_CACHE_SIZE", ignored: whyMemory},
		{name: "SCHEMA_CACHE_EXPIRY_SECS", ignored: whyMemory},
		{name: "SCHEMA_PROVIDERS_JSON_FETCH_REMOTE_SCHEMAS", ignored: "no reference ever reaches the network"},
		{name: "SCHEMA_VALIDATE_NEW_SCHEMAS", ignored: "new schemas are always validated"},
		{name: "SSL_KEYSTORE_LOCATION", ignored: whyPEM},
		{name: "SSL_KEYSTORE_PASSWORD", ignored: whyPEM},
		{name: "SSL_KEYSTORE_TYPE", ignored: whyPEM},
		{name: "SSL_KEY_PASSWORD", ignored: whyPEM},
		{name: "SSL_TRUSTSTORE_LOCATION", ignored: whyPEM},
		{name: "SSL_TRUSTSTORE_PASSWORD", ignored: whyPEM},
		{name: "SSL_TRUSTSTORE_TYPE", ignored: whyPEM},
		{name: "KAFKASTORE_CONNECTION_URL", ignored: "no ZooKeeper is needed; set store.kafka.brokers"},
		{name: "KAFKASTORE_TIMEOUT_MS", ignored: whyKafka},
		{name: "KAFKASTORE_WRITE_MAX_RETRIES", ignored: whyKafka},
		{name: "KAFKASTORE_GROUP_ID", ignored: whyKafka},
		{name: "KAFKASTORE_INIT_WAIT_FOR_READER", ignored: whyKafka},
		{name: "RESOURCE_EXTENSION_CLASS", ignored: "extensions are Java classes"},
		{name: "METADATA_ENCODER_SECRET", ignored: "metadata is not stored encrypted here"},
		{name: "METADATA_ENCODER_OLD_SECRET", ignored: "metadata is not stored encrypted here"},
		{name: "ASSOCIATIONS_ENABLE", ignored: "associations are not offered"},
		{name: "HEAP_OPTS", ignored: whyJava},
		{name: "OPTS", ignored: whyJava},
		{name: "JMX_OPTS", ignored: whyJava + "; metrics are at /metrics"},
		{name: "JMX_PORT", ignored: whyJava + "; metrics are at /metrics"},
		{name: "JMX_HOSTNAME", ignored: whyJava + "; metrics are at /metrics"},
		{name: "JVM_PERFORMANCE_OPTS", ignored: whyJava},
		{name: "GC_LOG_OPTS", ignored: whyJava},
		{name: "LOG4J_LOGGERS", ignored: whyJava + "; log.level is the level"},
		{name: "LOG4J_OPTS", ignored: whyJava},
	}
}

// fromConfluent returns what the variables of Confluent's image come to, and a
// warning for each that has no effect. One that is wrong is an error.
func fromConfluent(env map[string]string) (out []Setting, warnings []string, err error) {
	var errs []error
	known := map[string]bool{}
	var names []string
	for _, c := range confluentSettings() {
		name := confluentPrefix + c.name
		known[name] = true
		names = append(names, name)
		value, ok := env[name]
		switch {
		case !ok:
		case c.settings == nil:
			warnings = append(warnings, fmt.Sprintf("$%s has no effect: %s", name, c.ignored))
		default:
			settings, err := c.settings(strings.TrimSpace(value), env)
			if err != nil {
				errs = append(errs, fmt.Errorf("$%s is %w", name, err))
			}
			for _, s := range settings {
				s.Origin = "$" + name
				out = append(out, s)
			}
		}
	}
	for _, name := range keys(env) {
		if !strings.HasPrefix(name, confluentPrefix) || known[name] {
			continue
		}
		why := "this server has no such setting" + suggestion(name, names)
		if isServiceLink(strings.TrimPrefix(name, "SCHEMA_REGISTRY"), env[name]) {
			why = "Kubernetes sets it for a service of this name; enableServiceLinks: false ends that"
		}
		warnings = append(warnings, fmt.Sprintf("$%s has no effect: %s", name, why))
	}
	return out, warnings, errors.Join(errs...)
}

// silent says nothing by itself: another variable reads it.
func silent(string, map[string]string) ([]Setting, error) { return nil, nil }

func listeners(value string, _ map[string]string) ([]Setting, error) {
	if strings.Contains(value, ",") {
		return nil, fmt.Errorf("%q; expected one listener: admin.listen is a second one for metrics and health", value)
	}
	var out []Setting
	address := value
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		address = strings.TrimSuffix(rest, "/")
		if strings.EqualFold(scheme, "https") {
			out = append(out, Setting{Key: wantedTLS, Value: value})
		}
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "8081")
	}
	return append(out, Setting{Key: "listen", Value: address}), nil
}

func hostName(value string, env map[string]string) ([]Setting, error) {
	scheme := "http"
	for _, name := range []string{"INTER_INSTANCE_PROTOCOL", "SCHEMA_REGISTRY_INTER_INSTANCE_PROTOCOL"} {
		if v := strings.TrimSpace(env[confluentPrefix+name]); v != "" {
			scheme = strings.ToLower(v)
		}
	}
	port := strings.TrimSpace(env[confluentPrefix+"HOST_PORT"])
	if port == "" {
		port = "8081"
		if l, err := url.Parse(strings.TrimSpace(strings.Split(env[confluentPrefix+"LISTENERS"], ",")[0])); err == nil && l.Port() != "" {
			port = l.Port()
		}
	}
	return []Setting{{Key: "advertise", Value: scheme + "://" + net.JoinHostPort(value, port)}}, nil
}

// bootstrapServers also decides for the Kafka store, since nothing else has
// brokers.
func bootstrapServers(value string, env map[string]string) ([]Setting, error) {
	var hosts, protocols []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if protocol, rest, ok := strings.Cut(item, "://"); ok {
			protocols, item = append(protocols, strings.ToUpper(protocol)), rest
		}
		hosts = append(hosts, item)
	}
	out := []Setting{{Key: "store.kind", Value: "kafka"}, {Key: "store.kafka.brokers", Value: strings.Join(hosts, ",")}}
	if len(protocols) == 0 || env[confluentPrefix+"KAFKASTORE_SECURITY_PROTOCOL"] != "" {
		return out, nil
	}
	more, err := securityProtocol(protocols[0], env)
	return append(out, more...), err
}

func securityProtocol(value string, env map[string]string) ([]Setting, error) {
	value = strings.ToUpper(value)
	if !slices.Contains([]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, value) {
		return nil, fmt.Errorf("%q; expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", value)
	}
	out := []Setting{{Key: "store.kafka.tls", Value: strconv.FormatBool(strings.HasSuffix(value, "SSL"))}}
	if strings.HasPrefix(value, "SASL") {
		mechanism := env[confluentPrefix+"KAFKASTORE_SASL_MECHANISM"]
		if mechanism == "" {
			mechanism = "plain"
		}
		out = append(out, Setting{Key: "store.kafka.sasl", Value: mechanism})
	}
	return out, nil
}

func clientAuthentication(value string, _ map[string]string) ([]Setting, error) {
	mode, ok := map[string]string{"NONE": "none", "REQUESTED": "request", "REQUIRED": "require"}[strings.ToUpper(value)]
	if !ok {
		return nil, fmt.Errorf("%q; expected NONE, REQUESTED or REQUIRED", value)
	}
	return []Setting{{Key: "tls.client_auth", Value: mode}}, nil
}

// authenticationMethod can only ask for what the other settings must describe;
// check refuses to start without them, for a registry that is open by accident
// is worse than none.
func authenticationMethod(value string, _ map[string]string) ([]Setting, error) {
	return []Setting{{Key: wantedAuth, Value: strings.ToLower(value)}}, nil
}

func debug(value string, _ map[string]string) ([]Setting, error) {
	if strings.EqualFold(value, "true") {
		return []Setting{{Key: "log.level", Value: "debug"}}, nil
	}
	return nil, nil
}

func logLevel(value string, _ map[string]string) ([]Setting, error) {
	level, ok := map[string]string{"TRACE": "debug", "ALL": "debug", "DEBUG": "debug", "INFO": "info", "WARN": "warn", "ERROR": "error", "FATAL": "error", "OFF": "error"}[strings.ToUpper(value)]
	if !ok {
		return nil, fmt.Errorf("%q; expected TRACE, DEBUG, INFO, WARN, ERROR or OFF", value)
	}
	return []Setting{{Key: "log.level", Value: level}}, nil
}
