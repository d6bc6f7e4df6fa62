package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/config"
)

// The variables of a container of Confluent's image mean the same here.
func TestConfluentVariables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  []string // without the prefix
		want map[string]string
	}{
		{"the usual container", []string{
			"HOST_NAME=schema-registry", "LISTENERS=http://0.0.0.0:8082", "KAFKASTORE_BOOTSTRAP_SERVERS=PLAINTEXT://kafka-1:29092,PLAINTEXT://kafka-2:29092",
		}, map[string]string{
			"listen": "0.0.0.0:8082", "advertise": "http://schema-registry:8082", "store.kind": "kafka",
			"store.kafka.brokers": "[kafka-1:29092, kafka-2:29092]", "store.kafka.tls": "false", "store.kafka.sasl": "none",
		}},
		{"everything about Kafka", []string{
			"KAFKASTORE_BOOTSTRAP_SERVERS=SASL_SSL://k:1", "KAFKASTORE_TOPIC=_s", "KAFKASTORE_INIT_TIMEOUT_MS=90000",
			"KAFKASTORE_SASL_MECHANISM=SCRAM-SHA-512", "SCHEMA_REGISTRY_GROUP_ID=g", "LEADER_ELIGIBILITY=false", "LEADER_ELECTION_STICKY=true",
		}, map[string]string{
			"store.kafka.brokers": "[k:1]", "store.kafka.topic": "_s", "store.open_timeout": "1m30s", "store.kafka.tls": "true",
			"store.kafka.sasl": "scram-sha-512", "store.kafka.group": "g", "store.kafka.eligible": "false", "store.kafka.sticky": "true",
		}},
		{"the protocol beats that of the brokers", []string{"KAFKASTORE_BOOTSTRAP_SERVERS=PLAINTEXT://k:1", "KAFKASTORE_SECURITY_PROTOCOL=SASL_PLAINTEXT"},
			map[string]string{"store.kafka.tls": "false", "store.kafka.sasl": "plain"}},
		{"levels", []string{"AVRO_COMPATIBILITY_LEVEL=none", "SCHEMA_COMPATIBILITY_LEVEL=full_transitive", "MODE_MUTABILITY=false", "SCHEMA_REJECT_EMPTY_SUBJECT=true", "LOG4J_ROOT_LOGLEVEL=WARN"},
			map[string]string{"compatibility": "FULL_TRANSITIVE", "mode_mutability": "false", "reject_empty_subject": "true", "log.level": "warn"}},
		{"limits", []string{"SIZE_LIMIT_FILTER_MAX_REQUEST_BODY_SIZE=1048576", "REQUEST_TIMEOUT_MS=5000", "DEBUG=true"},
			map[string]string{"limits.body": "1MiB", "limits.time": "5s", "log.level": "debug"}},
		{"own name", []string{"HOST_NAME=r", "HOST_PORT=80", "INTER_INSTANCE_PROTOCOL=https"}, map[string]string{"advertise": "https://r:80"}},
		{"a listener without a port", []string{"LISTENERS=http://localhost"}, map[string]string{"listen": "localhost:8081"}},
		{"no authentication", []string{"AUTHENTICATION_METHOD=NONE"}, map[string]string{"listen": "127.0.0.1:8081"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var env []string
			for _, e := range tt.env {
				env = append(env, "SCHEMA_REGISTRY_"+e)
			}
			s := load(t, config.ServerSource{Env: env})
			got := map[string]string{}
			for key := range tt.want {
				got[key], _ = setting(s, key)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if w := s.Warnings(); len(w) > 0 {
				t.Errorf("warnings = %q, want none", w)
			}
		})
	}
}

// What has no effect is said, each with its reason.
func TestConfluentWarnings(t *testing.T) {
	t.Parallel()
	s := load(t, config.ServerSource{Env: []string{
		"SCHEMA_REGISTRY_HEAP_OPTS=-Xmx1g", "SCHEMA_REGISTRY_SSL_KEYSTORE_LOCATION=/k.jks", "SCHEMA_REGISTRY_SSL_KEYSTORE_PASSWORD=canary",
		"SCHEMA_REGISTRY_HOST_NAM=x", "SCHEMA_REGISTRY_PORT=tcp://10.0.0.1:8081", "SCHEMA_REGISTRY_SERVICE_HOST=10.0.0.1",
		"SCHEMA_REGISTRY_SOMETHING_ELSE=1", "SCHEMA_REGISTRY_CACHE=",
	}})
	all := strings.Join(s.Warnings(), "\n")
	for _, want := range []string{
		"$SCHEMA_REGISTRY_HEAP_OPTS has no effect: there is no Java machine",
		"$SCHEMA_REGISTRY_SSL_KEYSTORE_LOCATION has no effect: certificates are PEM files",
		`$SCHEMA_REGISTRY_HOST_NAM has no effect: this server has no such setting, did you mean "SCHEMA_REGISTRY_HOST_NAME"?`,
		"$SCHEMA_REGISTRY_PORT has no effect: Kubernetes", "$SCHEMA_REGISTRY_SERVICE_HOST has no effect: Kubernetes",
		"$SCHEMA_REGISTRY_SOMETHING_ELSE has no effect",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "canary") || strings.Contains(all, "CACHE") {
		t.Errorf("warnings hold a secret or an empty variable:\n%s", all)
	}
}

// What is wrong, or would leave a server open that was not, stops the start.
func TestConfluentMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ env, want string }{
		{"LISTENERS=http://a:1,https://a:2", "expected one listener"},
		{"LISTENERS=https://0.0.0.0:8081", "expected tls.cert and tls.key"},
		{"SCHEMA_COMPATIBILITY_LEVEL=backwards", `did you mean "BACKWARD"?`},
		{"AUTHENTICATION_METHOD=BASIC", "asks for credentials, but auth.basic is not set"},
		{"AUTHENTICATION_METHOD=BEARER", "asks for credentials, but auth.bearer is not set"},
		{"AUTHENTICATION_METHOD=MAGIC", "expected NONE, BASIC or BEARER"},
		{"KAFKASTORE_SECURITY_PROTOCOL=TLS", "expected PLAINTEXT, SSL"},
		{"SSL_CLIENT_AUTHENTICATION=MAYBE", "expected NONE, REQUESTED or REQUIRED"},
		{"KAFKASTORE_BOOTSTRAP_SERVERS=kafka", `has "kafka"; expected host:port`},
		{"LOG4J_ROOT_LOGLEVEL=LOUD", "expected TRACE"},
		{"KAFKASTORE_INIT_TIMEOUT_MS=soon", "expected a duration"},
	} {
		_, err := config.LoadServer(config.ServerSource{Env: []string{"SCHEMA_REGISTRY_" + tt.env}})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "$SCHEMA_REGISTRY_") {
			t.Errorf("%s: error = %v, want it to name the variable and contain %q", tt.env, err, tt.want)
		}
	}
}
