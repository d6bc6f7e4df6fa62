package jsonschema

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// home is the address of a text that names none. Relative references resolve
// against it to addresses that nobody else has.
const home = "wireproof:///schema"

// A document is one text: the schema itself, or one that it refers to.
type document struct {
	source *lang.Source
	number int    // 0 is the schema itself
	uri    string // where references find it, without fragment
	root   *lang.Value
	draft  Draft
}

// A resource is a schema with an address of its own; names inside it are
// relative to that. Most texts are one resource.
type resource struct {
	doc     *document
	uri     string
	root    *lang.Value
	anchors map[string]*lang.Value
}

// A place says where in which text a schema stands.
type place struct {
	resource *resource
	pointer  string // from the root of the document, "" or "/properties/a"
}

// A universe is every text that one schema can reach. It is built while parsing
// and not changed afterwards.
type universe struct {
	docs    []*document
	byURI   map[string]*resource
	sources map[string]*lang.Source // texts by address, read when first used
	places  map[*lang.Value]place
	refs    map[*lang.Value]*lang.Value // what the $ref of a schema leads to; nil for a metaschema
	extra   []*lang.Value               // schemas under keywords that hold none
	indexes map[*lang.Value]map[string]*lang.Value
	table   []applicator
}

// join resolves ref against base and cuts the fragment off. Addresses that are
// none of the net's are compared as text.
func join(base, ref string) (uri, fragment string, ok bool) {
	if len(ref) > maxAddress {
		return "", "", false
	}
	u, err := url.Parse(ref)
	if err != nil {
		return "", "", false
	}
	fragment = u.Fragment
	u.Fragment, u.RawFragment = "", ""
	if ref == "" || strings.HasPrefix(ref, "#") {
		return base, fragment, true
	}
	if b, err := url.Parse(base); err == nil && b.Opaque == "" {
		u = b.ResolveReference(u)
	}
	uri = u.String()
	return uri, fragment, len(uri) <= maxAddress
}

// enter reads a text into the universe, under the address uri.
func (u *universe) enter(src *lang.Source, uri string) (*document, error) {
	root, comments, err := lang.ParseJSONComments(src.Path, src.Text)
	if err != nil {
		return nil, err
	}
	if len(comments) > 0 {
		return nil, mistake(comments[0], lang.CodeJSONSyntax, "found a comment, expected JSON, which has none")
	}
	if err := checkNumbers(root); err != nil {
		return nil, err
	}
	if !isSchema(root) {
		return nil, mistake(root.Pos, CodeNotSchema, "found %s, expected an object, true or false", kindName(root))
	}
	doc := &document{source: src, number: len(u.docs), uri: uri, root: root, draft: draftOf(root)}
	u.docs = append(u.docs, doc)
	res := &resource{doc: doc, uri: uri, root: root}
	u.own(uri, res)
	if err := u.collect(root, res, ""); err != nil {
		return nil, err
	}
	return doc, u.obeys(root, doc.draft)
}

// own gives an address to a resource; the first owner keeps it.
func (u *universe) own(uri string, res *resource) {
	if _, taken := u.byURI[uri]; !taken {
		u.byURI[uri] = res
	}
}

// collect notes where every schema at and below v stands and what names it.
func (u *universe) collect(v *lang.Value, res *resource, pointer string) error {
	if len(u.places) >= maxSchemas {
		return mistake(v.Pos, CodeTooMany, "this schema is one too many; a text and what it refers to have at most %d", maxSchemas)
	}
	draft := res.doc.draft
	if id := v.Get(draft.idKey()); id != nil && id.Kind == lang.String && !(draft.refAlone() && v.Get("$ref") != nil) {
		uri, fragment, ok := join(res.uri, id.Str)
		if !ok {
			return mistake(id.Pos, CodeID, "found %q, expected the address of the schema in at most %d bytes", short(id.Str), maxAddress)
		}
		if uri != res.uri || v == res.root {
			if len(u.byURI) >= maxResources {
				return mistake(id.Pos, CodeTooMany, "this address is one too many; a text and what it refers to have at most %d", maxResources)
			}
			if v != res.root {
				res = &resource{doc: res.doc, root: v}
			}
			res.uri = uri
			u.own(uri, res)
		}
		if fragment != "" && draft.refAlone() {
			res.name(fragment, v)
		}
	}
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if a := v.Get(key); a != nil && a.Kind == lang.String && !draft.refAlone() {
			res.name(a.Str, v)
		}
	}
	u.places[v] = place{res, pointer}
	var err error
	draft.eachChild(v, u.table, func(child *lang.Value, path ...string) {
		if err == nil && isSchema(child) {
			err = u.collect(child, res, pointer+pointerTo(path...))
		}
	})
	return err
}

func (r *resource) name(anchor string, v *lang.Value) {
	if r.anchors == nil {
		r.anchors = map[string]*lang.Value{}
	}
	if _, taken := r.anchors[anchor]; !taken {
		r.anchors[anchor] = v
	}
}

// pointerTo prints keys as a JSON pointer.
func pointerTo(path ...string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(escapes.Replace(p))
	}
	return b.String()
}

// A Replacer is safe for concurrent use and never changes.
var (
	escapes   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapes = strings.NewReplacer("~1", "/", "~0", "~")
)

// errNowhere says that a reference leads nowhere.
type errNowhere struct{ why string }

func (e errNowhere) Error() string { return e.why }

// target returns the schema that ref, which stands at from, leads to. It is nil
// for a metaschema.
func (u *universe) target(from place, ref string) (*lang.Value, error) {
	uri, fragment, ok := join(from.resource.uri, ref)
	if !ok {
		return nil, errNowhere{"this is no address"}
	}
	res, err := u.resource(from.resource, uri, ref)
	if err != nil || res == nil {
		return nil, err
	}
	switch {
	case fragment == "":
		return res.root, nil
	case !strings.HasPrefix(fragment, "/"):
		if v := res.anchors[fragment]; v != nil {
			return v, nil
		}
		return nil, errNowhere{"nothing there has the name " + strconv.Quote(short(fragment))}
	}
	return u.follow(res, fragment)
}

// resource finds who has the address: this text, one of the references, under
// its resolved name or under the name as it is written, or a metaschema.
func (u *universe) resource(from *resource, uri, ref string) (*resource, error) {
	if uri == from.uri {
		return from, nil
	}
	if res := u.byURI[uri]; res != nil {
		return res, nil
	}
	plain, _, _ := strings.Cut(ref, "#")
	for _, name := range []string{uri, plain} {
		if src := u.sources[name]; src != nil {
			if _, err := u.enter(src, uri); err != nil {
				return nil, err
			}
			return u.byURI[uri], nil
		}
	}
	if _, ok := draftAt(uri); ok {
		return nil, nil
	}
	return nil, errNowhere{"no reference has that name, and nothing is fetched"}
}

// follow walks a JSON pointer from the root of a resource. What it meets under
// keywords that hold no schemas becomes a schema by being referred to.
func (u *universe) follow(res *resource, pointer string) (*lang.Value, error) {
	v, steps := res.root, strings.Split(pointer, "/")[1:]
	if len(steps) > lang.MaxDepth {
		return nil, errNowhere{"no text nests so deep"}
	}
	at := u.places[v].pointer
	for _, step := range steps {
		key := unescapes.Replace(step)
		var next *lang.Value
		if v.Kind == lang.Array {
			if i, err := strconv.Atoi(key); err == nil && 0 <= i && i < len(v.Items) {
				next = v.Items[i]
			}
		} else {
			next = u.get(v, key)
		}
		if next == nil {
			return nil, errNowhere{"there is no " + strconv.Quote(short(key)) + " on the way"}
		}
		v, at = next, at+pointerTo(key)
		if p, ok := u.places[v]; ok {
			res, at = p.resource, p.pointer
		}
	}
	if !isSchema(v) {
		return nil, errNowhere{"there is " + kindName(v) + ", expected a schema"}
	}
	if _, known := u.places[v]; !known {
		if err := u.collect(v, res, at); err != nil {
			return nil, err
		}
		u.extra = append(u.extra, v)
	}
	return v, nil
}

// get is [lang.Value.Get] for objects that many references lead through.
func (u *universe) get(v *lang.Value, key string) *lang.Value {
	const few = 32
	if len(v.Members) <= few {
		return v.Get(key)
	}
	index, ok := u.indexes[v]
	if !ok {
		index = make(map[string]*lang.Value, len(v.Members))
		for _, m := range v.Members {
			index[m.Key] = m.Value
		}
		u.indexes[v] = index
	}
	return index[key]
}
