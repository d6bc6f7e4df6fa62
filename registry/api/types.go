package api

// A Reference names a version of another subject that a schema uses.
type Reference struct {
	// Name is the full name of the type (Avro) or the import path (Protobuf).
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"` // -1 in a request means latest
}

// Metadata is what people attach to a version. It is part of its identity.
type Metadata struct {
	Tags       map[string][]string `json:"tags,omitempty"`
	Properties map[string]string   `json:"properties,omitempty"`
	Sensitive  []string            `json:"sensitive,omitempty"`
}

// A RuleSet is what clients do to data on its way in and out. The server keeps
// and checks it, and runs none of it.
type RuleSet struct {
	MigrationRules []Rule `json:"migrationRules,omitempty"`
	DomainRules    []Rule `json:"domainRules,omitempty"`
	EncodingRules  []Rule `json:"encodingRules,omitempty"`
	EnableAt       string `json:"enableAt,omitempty"` // ALL, CLIENT, GATEWAY, SERVER or NONE
}

// A Rule is one rule of a [RuleSet].
type Rule struct {
	Name      string            `json:"name"`
	Doc       string            `json:"doc,omitempty"`
	Kind      string            `json:"kind,omitempty"` // TRANSFORM or CONDITION
	Mode      string            `json:"mode,omitempty"` // UPGRADE, DOWNGRADE, UPDOWN, WRITE, READ or WRITEREAD
	Type      string            `json:"type,omitempty"`
	Tags      []string          `json:"tags,omitempty"` // sorted
	Params    map[string]string `json:"params,omitempty"`
	Expr      string            `json:"expr,omitempty"`
	OnSuccess string            `json:"onSuccess,omitempty"`
	OnFailure string            `json:"onFailure,omitempty"`
	Disabled  bool              `json:"disabled"`
}

// SchemaTags are tags of one element of a schema.
type SchemaTags struct {
	Entity SchemaEntity `json:"schemaEntity"`
	Tags   []string     `json:"tags"`
}

// A SchemaEntity names an element of a schema by its dotted path.
type SchemaEntity struct {
	Path string `json:"entityPath"`
	Type string `json:"entityType"` // sr_record or sr_field
}

// A TagRequest is the body of a change of tags.
type TagRequest struct {
	NewVersion    int          `json:"newVersion,omitempty"`
	TagsToAdd     []SchemaTags `json:"tagsToAdd,omitempty"`
	TagsToRemove  []SchemaTags `json:"tagsToRemove,omitempty"`
	Metadata      *Metadata    `json:"metadata,omitempty"`
	RuleSet       *RuleSet     `json:"ruleSet,omitempty"`
	RulesToMerge  *RuleSet     `json:"rulesToMerge,omitempty"`
	RulesToRemove []string     `json:"rulesToRemove,omitempty"`
}

// A RegisterRequest is the body of register, lookup and compatibility check.
type RegisterRequest struct {
	// Version 0 appends or finds, -1 looks at the latest only, and N > 0 must be
	// the next version.
	Version    int         `json:"version,omitempty"`
	ID         *int        `json:"id,omitempty"`         // only for imports
	SchemaType string      `json:"schemaType,omitempty"` // empty means AVRO
	References []Reference `json:"references,omitempty"`
	Metadata   *Metadata   `json:"metadata,omitempty"`
	RuleSet    *RuleSet    `json:"ruleSet,omitempty"`
	// Schema may be blank: the text of the previous version is meant.
	Schema       string       `json:"schema"`
	TagsToAdd    []SchemaTags `json:"schemaTagsToAdd,omitempty"`
	TagsToRemove []SchemaTags `json:"schemaTagsToRemove,omitempty"`
	// PropagateTags copies the tags of the previous version.
	PropagateTags bool `json:"propagateSchemaTags,omitempty"`
}

// A RegisterResponse is the answer to register. Old clients read only ID.
type RegisterResponse struct {
	ID         int         `json:"id"`
	Version    int         `json:"version,omitempty"`
	GUID       string      `json:"guid,omitempty"`
	SchemaType string      `json:"schemaType,omitempty"`
	References []Reference `json:"references,omitempty"`
	Metadata   *Metadata   `json:"metadata,omitempty"`
	RuleSet    *RuleSet    `json:"ruleSet,omitempty"`
	Schema     string      `json:"schema,omitempty"`
	Time       *int64      `json:"ts,omitempty"`      // milliseconds; only for one that existed
	Deleted    *bool       `json:"deleted,omitempty"` // only for one that existed
}

// A Schema is one version of a subject.
type Schema struct {
	Subject    string       `json:"subject"`
	Version    int          `json:"version"`
	ID         int          `json:"id"`
	GUID       string       `json:"guid,omitempty"`
	SchemaType string       `json:"schemaType,omitempty"` // empty means AVRO
	References []Reference  `json:"references,omitempty"`
	Metadata   *Metadata    `json:"metadata,omitempty"`
	RuleSet    *RuleSet     `json:"ruleSet,omitempty"`
	Schema     string       `json:"schema"`
	Tags       []SchemaTags `json:"schemaTags,omitempty"`
	Time       *int64       `json:"ts,omitempty"` // of registration, milliseconds
	Deleted    *bool        `json:"deleted,omitempty"`
	// Aliases are the subjects whose settings name this one; only in listings.
	Aliases []string `json:"aliases,omitempty"`
}

// A SchemaString is a schema without its place: the answer by id.
type SchemaString struct {
	Subject    string       `json:"subject,omitempty"` // only if a subject was asked for
	Version    int          `json:"version,omitempty"`
	GUID       string       `json:"guid,omitempty"`
	SchemaType string       `json:"schemaType,omitempty"` // empty means AVRO
	Schema     string       `json:"schema"`
	References []Reference  `json:"references,omitempty"`
	Metadata   *Metadata    `json:"metadata,omitempty"`
	RuleSet    *RuleSet     `json:"ruleSet,omitempty"`
	Tags       []SchemaTags `json:"schemaTags,omitempty"`
	MaxID      *int         `json:"maxId,omitempty"`
	Time       *int64       `json:"ts,omitempty"`
	Deleted    *bool        `json:"deleted,omitempty"`
}

// A SubjectVersion names a version.
type SubjectVersion struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// A ContextID names a schema in a context.
type ContextID struct {
	Context string `json:"context"`
	ID      int    `json:"id"`
}

// A CompatibilityResponse is the answer to a compatibility check.
type CompatibilityResponse struct {
	Compatible bool `json:"is_compatible"`
	// Messages is nil unless the request was verbose; then it is written even
	// when it is empty.
	Messages *[]string `json:"messages,omitempty"`
}

// A Mode is the answer about the mode of a subject, and the change of it.
type Mode struct {
	Mode *string `json:"mode,omitempty"`
}

// The modes of the protocol.
const (
	ModeReadWrite        = "READWRITE"
	ModeReadOnly         = "READONLY"
	ModeReadOnlyOverride = "READONLY_OVERRIDE"
	ModeImport           = "IMPORT"
	ModeForward          = "FORWARD"
)

// A Verb is what somebody wants to do with a subject. Grants are made of them.
type Verb string

// The verbs. None includes another.
const (
	Read      Verb = "read"      // see schemas, settings and modes; look up; check compatibility
	Write     Verb = "write"     // register, tag
	Delete    Verb = "delete"    // delete subjects, versions and contexts
	Configure Verb = "configure" // change settings
	Admin     Verb = "admin"     // change modes, import with ids
)

// A ClusterID is the answer of /v1/metadata/id.
type ClusterID struct {
	Scope ClusterScope `json:"scope"`
}

// A ClusterScope says which clusters a registry belongs to.
type ClusterScope struct {
	Path     []string          `json:"path"`
	Clusters map[string]string `json:"clusters"`
}

// A ServerVersion is the answer of /v1/metadata/version.
type ServerVersion struct {
	Version  string `json:"version"`
	CommitID string `json:"commitId"`
}

// A Deployment is the answer of /v1/metadata/deployment.
type Deployment struct {
	Attributes []string `json:"attributes"`
}
