package rest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/rest"
)

// A described is the description of the API, with a validator of its schemas.
type described struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const descriptionURL = "https://example.com/openapi.json"

// newDescribed reads the description from a running server. In its schemas
// fields that are not described are errors, although clients must allow them.
func newDescribed(t *testing.T) *described {
	t.Helper()
	resp := send(t, newServer(t, rest.Options{}), http.MethodGet, "/openapi.yaml", "", nil)
	if resp.status != http.StatusOK || resp.header.Get("Content-Type") != "application/yaml" || resp.header.Get("Etag") == "" {
		t.Fatalf("GET /openapi.yaml: %d, %v", resp.status, resp.header)
	}
	text, err := yaml.YAMLToJSON([]byte(resp.body))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	d := &described{root: doc.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	closeObjects(t, d.root["components"].(map[string]any)["schemas"], "components/schemas")
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource(descriptionURL, doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// closeObjects refuses fields that a schema does not name. It also finds text
// that YAML took for a key, because of a comma in front of it.
func closeObjects(t *testing.T, node any, at string) {
	t.Helper()
	switch n := node.(type) {
	case nil:
		t.Errorf("%s has no value", at)
	case []any:
		for i, v := range n {
			closeObjects(t, v, at+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		_, named := n["properties"].(map[string]any)
		if _, isSet := n["additionalProperties"]; named && n["type"] == "object" && !isSet {
			n["additionalProperties"] = false
		}
		for k, v := range n {
			closeObjects(t, v, at+"/"+k)
		}
	}
}

// at follows names from the root, and references wherever they lead.
func (d *described) at(names ...string) (node any, pointer string) {
	node = any(d.root)
	for _, name := range names {
		m, _ := node.(map[string]any)
		node = m[name]
		pointer += "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
		if m, ok := node.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok && !strings.HasPrefix(ref, "#/components/schemas/") {
				node, pointer = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
		}
	}
	return node, pointer
}

// operation returns what is said about a method of a path, or nil.
func (d *described) operation(method, path string) map[string]any {
	node, _ := d.at("paths", path, strings.ToLower(method))
	m, _ := node.(map[string]any)
	return m
}

// validate checks JSON against the schema at a place of the description.
func (d *described) validate(pointer, text string) error {
	schema := d.compiled[pointer]
	if schema == nil {
		var err error
		if schema, err = d.compiler.Compile(descriptionURL + "#" + pointer); err != nil {
			return err
		}
		d.compiled[pointer] = schema
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

const mainType = "application/vnd.schemaregistry.v1+json"

// checkAnswer checks an answer to a route against its description.
func (d *described) checkAnswer(method, path string, got answer) error {
	op := []string{"paths", path, strings.ToLower(method)}
	name := strconv.Itoa(got.status)
	if node, _ := d.at(append(op, "responses", name)...); node == nil {
		name = "default"
	}
	node, pointer := d.at(append(op, "responses", name)...)
	content, _ := node.(map[string]any)["content"].(map[string]any)
	switch {
	case got.body == "" && (content == nil || got.status == http.StatusNotModified):
		return nil
	case content[mainType] == nil:
		return fmt.Errorf("status %d has a body, and none is described", got.status)
	}
	if strings.HasSuffix(path, "/schema") && got.status == http.StatusOK {
		return nil // text of any language
	}
	if err := d.validate(pointer+"/content/"+strings.ReplaceAll(mainType, "/", "~1")+"/schema", got.body); err != nil || got.status < 400 {
		return err
	}
	var e api.Error
	if err := json.Unmarshal([]byte(got.body), &e); err != nil {
		return err
	}
	codes, _ := d.operation(method, path)["x-error-codes"].([]any)
	if !slices.Contains(anywhere, e.Code) && !slices.ContainsFunc(codes, func(c any) bool { return fmt.Sprint(c) == fmt.Sprint(int(e.Code)) }) {
		return fmt.Errorf("code %d is not described", e.Code)
	}
	if name == "default" && slices.ContainsFunc(codes, func(c any) bool { return fmt.Sprint(c) == fmt.Sprint(int(e.Code)) }) {
		return fmt.Errorf("code %d is described, its status %d is not", e.Code, got.status)
	}
	return nil
}

// anywhere are the codes that every operation may answer.
var anywhere = []api.Code{
	api.BadRequest, api.Unauthorized, api.Forbidden, api.NotFound, api.MethodNotAllowed, api.NotAcceptable, api.BodyTooLarge, api.UnsupportedMediaType,
	api.TooManyRequests, api.InternalError, api.Unavailable, api.StoreFailure, api.OperationTimedOut, api.ForwardFailed, api.NoLeader,
}

// Every route is described, nothing else is, and every description is whole.
func TestDescribedRoutes(t *testing.T) {
	t.Parallel()
	d := newDescribed(t)
	routes := map[string]bool{}
	for _, rt := range rest.Routes() {
		routes[rt[0]+" "+rt[1]] = true
		if d.operation(rt[0], rt[1]) == nil {
			t.Errorf("openapi.yaml does not describe %s %s", rt[0], rt[1])
		}
	}
	ids := map[any]string{}
	for path, item := range d.root["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			name := strings.ToUpper(method) + " " + path
			if !routes[name] {
				t.Errorf("openapi.yaml describes %s, which is no route", name)
			}
			op := d.operation(method, path)
			if other := ids[op["operationId"]]; other != "" || op["operationId"] == nil || op["summary"] == nil || op["tags"] == nil {
				t.Errorf("%s needs a summary, tags and an operationId of its own; %s has the same", name, other)
			}
			ids[op["operationId"]] = name
			var inPath []string
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				inPath = append(inPath, m[1])
			}
			if got := d.parameters(path, method, "path"); !slices.Equal(got, slices.Sorted(slices.Values(inPath))) {
				t.Errorf("%s describes the parameters %q of its path, want %q", name, got, inPath)
			}
		}
	}
}

// parameters lists the names of the parameters of an operation in one place.
func (d *described) parameters(path, method, in string) (names []string) {
	for _, level := range [][]string{{"paths", path}, {"paths", path, method}} {
		node, _ := d.at(append(level, "parameters")...)
		list, _ := node.([]any)
		for _, p := range list {
			p := p.(map[string]any)
			if ref, ok := p["$ref"].(string); ok {
				node, _ := d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
				p, _ = node.(map[string]any)
			}
			if p["in"] == in {
				names = append(names, fmt.Sprint(p["name"]))
			}
		}
	}
	slices.Sort(names)
	return names
}

// The parameters that are described are those that the code reads.
func TestDescribedParameters(t *testing.T) {
	t.Parallel()
	d := newDescribed(t)
	said, read := map[string]bool{}, map[string]bool{}
	for path, item := range d.root["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			for _, name := range d.parameters(path, method, "query") {
				said[name] = true
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`c\.(?:flag|number|optional)\("(\w+)"|c\.query(?:\.Get\(|\.Has\(|\[)"(\w+)"`).FindAllStringSubmatch(string(text), -1) {
			read[m[1]+m[2]] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(read)); !slices.Equal(got, want) {
		t.Errorf("described parameters %q, read parameters %q", got, want)
	}
}

// Every code of the table of errors is described once: for every operation, or
// for those that answer it.
func TestDescribedCodes(t *testing.T) {
	t.Parallel()
	d := newDescribed(t)
	node, _ := d.at("components", "schemas", "Error", "properties", "error_code", "enum")
	said := map[string]bool{"409": true} // of servers before 8, not in the table
	for _, row := range api.Table() {
		said[strconv.Itoa(int(row.Code))] = true
	}
	for _, code := range node.([]any) {
		if !said[fmt.Sprint(code)] {
			t.Errorf("openapi.yaml describes code %v, which is not in the table of errors", code)
		}
		delete(said, fmt.Sprint(code))
	}
	if len(said) > 0 {
		t.Errorf("openapi.yaml does not describe the codes %q", slices.Sorted(maps.Keys(said)))
	}
	text := d.root["info"].(map[string]any)["description"].(string)
	for _, code := range anywhere {
		if !regexp.MustCompile(`\b` + strconv.Itoa(int(code)) + `\b`).MatchString(text) {
			t.Errorf("openapi.yaml does not say that every operation may answer %d", code)
		}
	}
}

// TestDescribedAnswers plays the sessions of testdata and compares each request
// that succeeds and each answer with the description. Together the sessions reach
// every operation.
func TestDescribedAnswers(t *testing.T) {
	t.Parallel()
	d := newDescribed(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	reached := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		srv := newServer(t, rest.Options{Version: "1.2.3", Commit: "abc"})
		for line := range strings.Lines(string(text)) {
			line, isRequest := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
			if !isRequest {
				continue
			}
			method, line, _ := strings.Cut(line, " ")
			path, body, _ := strings.Cut(line, " ")
			got := send(t, srv, method, path, body, nil)
			r, err := http.NewRequest(method, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			pattern := rest.PatternOf(r)
			if pattern == "" || method == http.MethodHead {
				continue
			}
			if got.status < 300 {
				reached[method+" "+pattern] = true
				// One session shows that a field nobody knows does no harm.
				if _, pointer := d.at("paths", pattern, strings.ToLower(method), "requestBody"); d.operation(method, pattern)["requestBody"] != nil && !strings.Contains(body, "unknownField") {
					if err := d.validate(pointer+"/content/"+strings.ReplaceAll(mainType, "/", "~1")+"/schema", body); err != nil {
						t.Errorf("%s: %s %s accepts %s: %v", file, method, path, body, err)
					}
				}
			}
			if err := d.checkAnswer(method, pattern, got); err != nil && pattern != "/openapi.yaml" {
				t.Errorf("%s: %s %s answers %d %s: %v", file, method, path, got.status, got.body, err)
			}
		}
	}
	for _, rt := range rest.Routes() {
		if !reached[rt[0]+" "+rt[1]] && rt[1] != "/openapi.yaml" {
			t.Errorf("no session reaches %s %s", rt[0], rt[1])
		}
	}
}
