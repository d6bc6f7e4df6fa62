package bufconfig

// The shapes of the files, for the strict reader.

type workFile struct {
	Version     string   `yaml:"version"`
	Directories []string `yaml:"directories"`
}

// moduleFile is buf.yaml v1beta1 and v1; roots are of v1beta1.
type moduleFile struct {
	Version string   `yaml:"version"`
	Name    string   `yaml:"name"`
	Deps    []string `yaml:"deps"`
	Build   struct {
		Roots    []string `yaml:"roots"`
		Excludes []string `yaml:"excludes"`
	} `yaml:"build"`
	Lint     lintV1       `yaml:"lint"`
	Breaking breakingPart `yaml:"breaking"`
}

type workspaceFile struct {
	Version  string       `yaml:"version"`
	Name     string       `yaml:"name"`
	Modules  []modulePart `yaml:"modules"`
	Deps     []string     `yaml:"deps"`
	Lint     lintV2       `yaml:"lint"`
	Breaking breakingPart `yaml:"breaking"`
	Plugins  []struct {
		Plugin  any            `yaml:"plugin"`
		Options map[string]any `yaml:"options"`
	} `yaml:"plugins"`
	Policies []struct {
		Policy     string              `yaml:"policy"`
		Ignore     []string            `yaml:"ignore"`
		IgnoreOnly map[string][]string `yaml:"ignore_only"`
	} `yaml:"policies"`
}

type modulePart struct {
	Path     string       `yaml:"path"`
	Name     string       `yaml:"name"`
	Includes []string     `yaml:"includes"`
	Excludes []string     `yaml:"excludes"`
	Lint     lintV2       `yaml:"lint"`
	Breaking breakingPart `yaml:"breaking"`
}

type breakingPart struct {
	Use            []string            `yaml:"use"`
	Except         []string            `yaml:"except"`
	Ignore         []string            `yaml:"ignore"`
	IgnoreOnly     map[string][]string `yaml:"ignore_only"`
	IgnoreUnstable bool                `yaml:"ignore_unstable_packages"`
	DisableBuiltin bool                `yaml:"disable_builtin"`
}

// lintV1 is the lint section of versions before v2.
type lintV1 struct {
	Use                 []string            `yaml:"use"`
	Except              []string            `yaml:"except"`
	Ignore              []string            `yaml:"ignore"`
	IgnoreOnly          map[string][]string `yaml:"ignore_only"`
	EnumZeroValueSuffix string              `yaml:"enum_zero_value_suffix"`
	AllowSame           bool                `yaml:"rpc_allow_same_request_response"`
	AllowEmptyRequests  bool                `yaml:"rpc_allow_google_protobuf_empty_requests"`
	AllowEmptyResponses bool                `yaml:"rpc_allow_google_protobuf_empty_responses"`
	ServiceSuffix       string              `yaml:"service_suffix"`
	Comments            bool                `yaml:"allow_comment_ignores"`
	DisableBuiltin      bool                `yaml:"disable_builtin"`
}

// lintV2 differs in the key that is about comments, and in what that means.
type lintV2 struct {
	Use                 []string            `yaml:"use"`
	Except              []string            `yaml:"except"`
	Ignore              []string            `yaml:"ignore"`
	IgnoreOnly          map[string][]string `yaml:"ignore_only"`
	EnumZeroValueSuffix string              `yaml:"enum_zero_value_suffix"`
	AllowSame           bool                `yaml:"rpc_allow_same_request_response"`
	AllowEmptyRequests  bool                `yaml:"rpc_allow_google_protobuf_empty_requests"`
	AllowEmptyResponses bool                `yaml:"rpc_allow_google_protobuf_empty_responses"`
	ServiceSuffix       string              `yaml:"service_suffix"`
	Comments            bool                `yaml:"disallow_comment_ignores"`
	DisableBuiltin      bool                `yaml:"disable_builtin"`
}

// checkPart is what the sections have in common.
type checkPart struct {
	at                  string // key of the section
	use, except, ignore []string
	ignoreOnly          map[string][]string
	disableBuiltin      bool
	empty               bool // nothing is set; of version v2 only
	unstable            bool
	lint                LintOptions
}

func (p breakingPart) part(at string) checkPart {
	return checkPart{
		at: at, use: p.Use, except: p.Except, ignore: p.Ignore, ignoreOnly: p.IgnoreOnly,
		disableBuiltin: p.DisableBuiltin, unstable: p.IgnoreUnstable,
		empty: len(p.Use)+len(p.Except)+len(p.Ignore)+len(p.IgnoreOnly) == 0 && !p.IgnoreUnstable && !p.DisableBuiltin,
	}
}

func (p lintV2) part(at string) checkPart {
	p.Comments = !p.Comments
	return lintV1(p).part(at)
}

func (p lintV1) part(at string) checkPart {
	options := LintOptions{p.EnumZeroValueSuffix, p.ServiceSuffix, p.AllowSame, p.AllowEmptyRequests, p.AllowEmptyResponses, p.Comments}
	return checkPart{
		at: at, use: p.Use, except: p.Except, ignore: p.Ignore, ignoreOnly: p.IgnoreOnly,
		disableBuiltin: p.DisableBuiltin, lint: options,
		empty: len(p.Use)+len(p.Except)+len(p.Ignore)+len(p.IgnoreOnly) == 0 && !p.DisableBuiltin && options == LintOptions{CommentIgnores: true},
	}
}
