package rest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// A call is one request on its way through a route.
type call struct {
	*handler
	route *route // nil until it is found
	w     http.ResponseWriter
	r     *http.Request
	vars  variables
	query url.Values
}

// flag reads a boolean parameter: true in any case, everything else is false.
func (c *call) flag(name string) bool { return strings.EqualFold(c.query.Get(name), "true") }

// number reads an integer parameter; one that does not parse is a path that
// does not exist, as routing in the reference has it.
func (c *call) number(name string, absent int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, api.NotFound.With()
	}
	return int(n), nil
}

// optional returns a parameter, or nil if it is absent: an empty prefix means
// something else than none.
func (c *call) optional(name string) *string {
	if !c.query.Has(name) {
		return nil
	}
	v := c.query.Get(name)
	return &v
}

// subject returns the subject in the path, what an alias stands for already
// looked up.
func (c *call) subject() string { return c.vars.subject }

// subjectParameter returns the parameter subject, likewise.
func (c *call) subjectParameter() string { return c.reg.Alias(c.query.Get("subject")) }

func (c *call) version() (int, error) { return registry.ParseVersion(c.vars.version) }

func (c *call) id() (int, error) {
	n, err := strconv.ParseInt(c.vars.id, 10, 32)
	if err != nil {
		return 0, api.NotFound.With()
	}
	return int(n), nil
}

// visible reads which versions an answer shows.
func (c *call) visible() registry.Visible {
	if c.flag("deleted") {
		return registry.All
	}
	return registry.Live
}

func (c *call) visibleOrOnlyDeleted() registry.Visible {
	if c.flag("deletedOnly") {
		return registry.DeletedOnly
	}
	return c.visible()
}

// page cuts a list by the parameters offset and limit. A limit outside 1..max
// means max, as the protocol has it.
func page[T any](c *call, all []T, most int) ([]T, error) {
	offset, err := c.number("offset", 0)
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit", -1)
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > most {
		limit = most
	}
	all = all[min(max(offset, 0), len(all)):]
	if out := all[:min(limit, len(all))]; out != nil {
		return out, nil
	}
	return []T{}, nil
}

// unlimited is the page size where the protocol sets none.
const unlimited = math.MaxInt32

// body reads the JSON of a request into v. The limit on its size is checked
// before anything is parsed, and again on what a packed body unpacks to.
func (c *call) body(v any) error {
	if !isJSON(c.r.Header.Get("Content-Type")) {
		return api.UnsupportedMediaType.With()
	}
	data, err := c.bytes()
	if err != nil {
		return err
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return api.UnprocessableEntity.With("the request body is missing")
	}
	if !utf8.Valid(data) {
		// The decoder would put replacement characters there, and say nothing.
		return api.BadRequest.With("the request body is not UTF-8")
	}
	exactNames(data, reflect.TypeOf(v))
	if err := json.Unmarshal(data, v); err != nil {
		return api.BadRequest.Because(err, "the request body is not the expected JSON: "+explain(err))
	}
	return nil
}

// explain says what is wrong with JSON in words that do not name our types.
func explain(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	expected := "an object"
	switch wrong.Type.Kind() {
	case reflect.String:
		expected = "a string"
	case reflect.Bool:
		expected = "true or false"
	case reflect.Int, reflect.Int64:
		expected = "an integer"
	case reflect.Slice:
		expected = "a list"
	}
	if wrong.Field == "" {
		return fmt.Sprintf("found %s, expected %s", wrong.Value, expected)
	}
	return fmt.Sprintf("field %s: found %s, expected %s", wrong.Field, wrong.Value, expected)
}

func (c *call) bytes() ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(c.w, c.r.Body, c.opts.MaxBody)
	switch encoding := strings.ToLower(c.r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		zip, err := gzip.NewReader(in)
		if errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			return nil, c.unread(err)
		}
		in = zip
	default:
		return nil, api.UnsupportedMediaType.With()
	}
	data, err := io.ReadAll(io.LimitReader(in, c.opts.MaxBody+1))
	if err != nil {
		return nil, c.unread(err)
	}
	if int64(len(data)) > c.opts.MaxBody {
		return nil, api.BodyTooLarge.With(c.opts.MaxBody)
	}
	return data, nil
}

func (c *call) unread(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return api.BodyTooLarge.With(c.opts.MaxBody)
	}
	return api.BadRequest.Because(err, fmt.Sprintf("the request body could not be read: %v", err))
}

// schemaRequest reads the body of register, lookup and compatibility check.
func (c *call) schemaRequest() (req api.RegisterRequest, err error) {
	if err = c.body(&req); err != nil {
		return req, err
	}
	err = fits("version", req.Version)
	if err == nil && req.ID != nil {
		err = fits("id", *req.ID)
	}
	for _, r := range req.References {
		err = cmp.Or(err, fits("references.version", r.Version))
	}
	if err == nil {
		err = c.mayUse(req)
	}
	return req, err
}

// fits refuses what is no integer of the protocol, which has 32 bits.
func fits(field string, n int) error {
	if int(int32(n)) == n {
		return nil
	}
	return api.BadRequest.With(fmt.Sprintf("the request body is not the expected JSON: field %s: found number %d, expected an integer of 32 bits", field, n))
}

// schema describes a version as the protocol does, its text in the format that
// was asked for.
func (c *call) schema(v registry.Version) api.Schema {
	return api.Schema{
		Subject: v.Subject, Version: v.Number, ID: v.ID, GUID: v.GUID, SchemaType: string(v.Type),
		References: c.references(v), Metadata: v.Metadata, RuleSet: v.RuleSet, Schema: c.text(v), Tags: c.tags(v),
		Time: &v.Time, Deleted: &v.Deleted,
	}
}

// references returns the references of a version, qualified on request.
func (c *call) references(v registry.Version) []api.Reference {
	if c.query.Get("referenceFormat") == "qualified" {
		return registry.QualifiedReferences(v)
	}
	return v.References
}

func (c *call) tags(v registry.Version) []api.SchemaTags {
	if names := c.query["findTags"]; len(names) > 0 {
		return c.reg.Tags(v, names)
	}
	return nil
}

func (c *call) text(v registry.Version) string { return c.reg.Format(v, c.query.Get("format")) }

func ok(v any, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	return &reply{json: v}, nil
}
