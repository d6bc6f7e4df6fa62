package config

import "reflect"

// A Server is the settings of a registry server. Each has one key, which is its
// place in the file, the name of its environment variable, and what --set takes:
// store.sqlite.dir is WIREPROOF_SERVE_STORE_SQLITE_DIR.
//
// The tag default holds the default as text; enum what a value may be; names says
// that a value names a file (a path relative to the settings file, or to where the
// program was started) or an environment variable.
type Server struct {
	Version        int       `yaml:"version" default:"1" doc:"Version of this format; 1."`
	Listen         string    `yaml:"listen" default:"127.0.0.1:8081" doc:"Address to listen on; port 0 picks one."`
	Advertise      string    `yaml:"advertise" doc:"URL at which other servers of the same Kafka topic reach this one."`
	Store          Store     `yaml:"store" doc:"Where schemas are kept."`
	Compatibility  string    `yaml:"compatibility" enum:"NONE,BACKWARD,BACKWARD_TRANSITIVE,FORWARD,FORWARD_TRANSITIVE,FULL,FULL_TRANSITIVE" default:"BACKWARD" doc:"Compatibility level where nothing else is set."`
	LegacyConflict bool      `yaml:"legacy_conflict" default:"false" doc:"Answer an incompatible schema with error code 409, as servers before 8 do, instead of 40901."`
	ModeMutability bool      `yaml:"mode_mutability" default:"true" doc:"Let requests change modes."`
	RejectEmpty    bool      `yaml:"reject_empty_subject" default:"false" doc:"Refuse to register under the empty subject, :.: in a path, and under *."`
	Limits         Limits    `yaml:"limits" doc:"What a request may cost."`
	TLS            ServerTLS `yaml:"tls" doc:"Serve HTTPS; the files are read again when they change."`
	Auth           Auth      `yaml:"auth" doc:"Who may do what; without it everybody may do everything."`
	Audit          Audit     `yaml:"audit" doc:"Who changed what."`
	Log            Log       `yaml:"log" doc:"What is logged to standard error."`
	Traces         Traces    `yaml:"traces" doc:"OpenTelemetry traces."`
	Admin          Admin     `yaml:"admin" doc:"A second address, for operators."`
	Shutdown       Shutdown  `yaml:"shutdown" doc:"How the server ends."`

	doc      *document
	origins  map[string]string // of what is not a default, by key
	warnings []string
	wanted   []Setting // what the environment asks for and other settings must describe
}

// Store says where schemas are kept.
type Store struct {
	Kind        string        `yaml:"kind" enum:"sqlite,memory,postgres,kafka" default:"sqlite" doc:"The store: sqlite is one file; memory keeps nothing; postgres and kafka carry several servers."`
	OpenTimeout Duration      `yaml:"open_timeout" default:"1m0s" doc:"How long opening and reading the store may take at the start."`
	SQLite      SQLiteStore   `yaml:"sqlite" doc:"The SQLite file."`
	Postgres    PostgresStore `yaml:"postgres" doc:"The PostgreSQL database."`
	Kafka       KafkaStore    `yaml:"kafka" doc:"The Kafka topic."`
}

// SQLiteStore names the SQLite file.
type SQLiteStore struct {
	Dir string `yaml:"dir" names:"file" default:"registry-data" doc:"Folder of the SQLite file; made if it is not there."`
}

// PostgresStore names the PostgreSQL database.
type PostgresStore struct {
	URLEnv  string `yaml:"url_env" names:"env" default:"WIREPROOF_POSTGRES_URL" doc:"Environment variable that holds the URL of the database."`
	URLFile string `yaml:"url_file" names:"file" doc:"File that holds the URL of the database, instead of a variable."`
	Schema  string `yaml:"schema" doc:"Schema of the tables. Default: that of the store."`
}

// KafkaStore names the Kafka topic.
type KafkaStore struct {
	Brokers      []string `yaml:"brokers" doc:"host:port of some brokers."`
	Topic        string   `yaml:"topic" default:"_schemas" doc:"The topic."`
	Create       bool     `yaml:"create" default:"true" doc:"Make the topic if it is not there."`
	Group        string   `yaml:"group" default:"schema-registry" doc:"Servers of one group and topic elect one leader."`
	Eligible     bool     `yaml:"eligible" default:"true" doc:"This server may become leader."`
	Sticky       bool     `yaml:"sticky" default:"false" doc:"Keep a leader as long as it lives; otherwise the server with the smallest URL leads."`
	TLS          bool     `yaml:"tls" default:"false" doc:"Speak TLS."`
	CA           string   `yaml:"ca" names:"file" doc:"File with the certificates of the authorities to trust."`
	Cert         string   `yaml:"cert" names:"file" doc:"File with the client's certificate (mTLS)."`
	Key          string   `yaml:"key" names:"file" doc:"File with the client's key (mTLS)."`
	SASL         string   `yaml:"sasl" enum:"none,plain,scram-sha-256,scram-sha-512" default:"none" doc:"How to sign in."`
	UserEnv      string   `yaml:"user_env" names:"env" default:"WIREPROOF_KAFKA_USER" doc:"Environment variable that holds the user."`
	PasswordEnv  string   `yaml:"password_env" names:"env" default:"WIREPROOF_KAFKA_PASSWORD" doc:"Environment variable that holds the password."`
	PasswordFile string   `yaml:"password_file" names:"file" doc:"File that holds the password, instead of a variable."`
}

// Limits say what a request may cost.
type Limits struct {
	Body       Size     `yaml:"body" default:"4MiB" doc:"Bytes of a request body, unpacked too."`
	Text       Size     `yaml:"text" default:"1MiB" doc:"Bytes of one schema text."`
	References int      `yaml:"references" default:"1000" doc:"Texts that a schema reaches, each as often as it is reached."`
	Closure    Size     `yaml:"closure" default:"8MiB" doc:"Bytes of them in all."`
	Headers    Size     `yaml:"headers" default:"64KiB" doc:"Bytes of the headers of a request."`
	Time       Duration `yaml:"time" default:"1m0s" doc:"How long a request may take to arrive."`
}

// ServerTLS names the certificates of the server.
type ServerTLS struct {
	Cert       string `yaml:"cert" names:"file" doc:"PEM file, the server's certificate first."`
	Key        string `yaml:"key" names:"file" doc:"PEM file of its key."`
	ClientCA   string `yaml:"client_ca" names:"file" doc:"PEM file of who signs client certificates (mTLS)."`
	ClientAuth string `yaml:"client_auth" enum:"none,request,require" doc:"Ask clients for certificates. Default: require if there is a client_ca, else none."`
	MinVersion string `yaml:"min_version" enum:"1.2,1.3" default:"1.2" doc:"Oldest version of TLS."`
	PeerCA     string `yaml:"peer_ca" names:"file" doc:"PEM file of who signs the certificates of the other servers on the Kafka topic. Default: the system's authorities."`
}

// Auth says who may do what.
type Auth struct {
	Realm          string         `yaml:"realm" doc:"Shown when credentials are asked for. Default: SchemaRegistry."`
	Basic          *BasicAuth     `yaml:"basic" doc:"Accept a name and a password."`
	Bearer         *BearerAuth    `yaml:"bearer" doc:"Accept signed tokens (JWT, OpenID Connect)."`
	MTLS           *MTLSAuth      `yaml:"mtls" doc:"Accept client certificates."`
	Anonymous      *AnonymousAuth `yaml:"anonymous" doc:"Let in who sends no credentials, with these groups."`
	Grants         []Grant        `yaml:"grants" doc:"Who may do what; what none allows is refused."`
	RateLimit      *RateLimit     `yaml:"rate_limit" doc:"Requests that each client may send."`
	TrustedProxies []string       `yaml:"trusted_proxies" doc:"Addresses or networks whose X-Forwarded-For is believed."`
}

// BasicAuth accepts a name and a password.
type BasicAuth struct {
	File string `yaml:"file" names:"file" doc:"File of lines user:bcrypt-hash:groups, as htpasswd -B makes them; read again when it changes."`
}

// BearerAuth accepts signed tokens.
type BearerAuth struct {
	Issuer      string   `yaml:"issuer" doc:"The iss claim of every token."`
	JWKSURL     string   `yaml:"jwks_url" doc:"URL of the keys. Default: as the issuer's discovery document says."`
	JWKSFile    string   `yaml:"jwks_file" names:"file" doc:"File of the keys, instead of a URL."`
	CA          string   `yaml:"ca" names:"file" doc:"PEM file of who signs the issuer's certificate."`
	Audience    []string `yaml:"audience" doc:"Values of the aud claim, of which a token must have one."`
	Algorithms  []string `yaml:"algorithms" doc:"Algorithms of signatures. Default: RS256, PS256, ES256, EdDSA."`
	Leeway      Duration `yaml:"leeway" doc:"How far clocks may differ. Default: 1m0s."`
	NameClaim   string   `yaml:"name_claim" doc:"Claim of the name. Default: sub."`
	GroupsClaim string   `yaml:"groups_claim" doc:"Claim of the groups. Default: groups."`
	Prefix      string   `yaml:"prefix" doc:"Put before names and groups."`
}

// MTLSAuth accepts client certificates.
type MTLSAuth struct {
	Name   string              `yaml:"name" enum:"cn,dns,uri,email" doc:"Part of the certificate that is the name. Default: cn."`
	Groups map[string][]string `yaml:"groups" doc:"Groups of each name."`
	Prefix string              `yaml:"prefix" doc:"Put before names and groups."`
}

// AnonymousAuth lets in who sends no credentials.
type AnonymousAuth struct {
	Groups []string `yaml:"groups" doc:"Groups of whom nobody knows."`
}

// A Grant lets somebody do something.
type Grant struct {
	Who      []string `yaml:"who" doc:"user:name, group:name, or * for everybody with valid credentials."`
	May      []string `yaml:"may" doc:"read, write, delete, configure, admin, or *."`
	Subjects []string `yaml:"subjects" doc:"Names without their context; * stands for any text."`
	Contexts []string `yaml:"contexts" doc:"Names such as . or .team*. Default: the default context only."`
}

// A RateLimit bounds the requests of each client.
type RateLimit struct {
	PerSecond float64 `yaml:"per_second" doc:"Requests a second."`
	Burst     int     `yaml:"burst" doc:"Requests at once. Default: two seconds' worth."`
	Clients   int     `yaml:"clients" doc:"Clients remembered at once. Default: 10000."`
}

// Audit says where changes are written down.
type Audit struct {
	File string `yaml:"file" names:"file" doc:"File of JSON lines, one for each attempt to change something."`
}

// Log says what is logged.
type Log struct {
	Format   string `yaml:"format" enum:"text,json" default:"text" doc:"Form of the lines."`
	Level    string `yaml:"level" enum:"debug,info,warn,error" default:"info" doc:"Least that is logged."`
	Requests bool   `yaml:"requests" default:"false" doc:"Log every request at level info; at level debug they always are."`
}

// Traces says where traces go.
type Traces struct {
	Endpoint string  `yaml:"endpoint" doc:"URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318. Default: $OTEL_EXPORTER_OTLP_ENDPOINT; without either nothing is traced."`
	Sample   float64 `yaml:"sample" default:"1" doc:"Part of the requests without a traced caller that is traced, 0 to 1."`
}

// Admin is the second address.
type Admin struct {
	Listen string `yaml:"listen" doc:"Address for /metrics, /healthz and /readyz without TLS and credentials. Without one, /metrics is on the first address and asks for credentials if anything does; /healthz and /readyz always are there."`
}

// Shutdown says how the server ends.
type Shutdown struct {
	Delay Duration `yaml:"delay" default:"0s" doc:"How long to go on while /readyz says no, so that a load balancer notices."`
	Grace Duration `yaml:"grace" default:"10s" doc:"How long requests in flight may take then."`
}

var serverType = reflect.TypeFor[Server]()
