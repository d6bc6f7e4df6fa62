package registryio

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A Verification is the outcome of comparing two registries.
type Verification struct {
	Compared    int // answers
	Differences []Difference
	// Unknown says what could not be compared, for one of the two does not tell.
	Unknown []string
}

// VerifyDump compares a registry with a dump: everything that lists and settings
// show, and each schema by its id.
func VerifyDump(ctx context.Context, reg *client.Client, want *Dump, progress Progress) (Verification, error) {
	have, err := exportFor(ctx, reg, want.names(), want.scopes(), progress)
	if err != nil {
		return Verification{}, err
	}
	v := Verification{
		Compared:    len(want.Contexts) + len(want.Schemas) + len(want.Configs) + len(want.Modes),
		Differences: Compare(want, have.within(want)),
	}
	if !want.EveryScope {
		v.Unknown = append(v.Unknown, "whether anything is set for subjects without a version where it comes from: that registry does not list such settings")
	}
	if !have.EveryScope {
		v.Unknown = append(v.Unknown, "whether more is set for subjects without a version than was imported: the registry does not list such settings")
	}
	texts := firstOfID(want.Schemas)
	var mu sync.Mutex
	err = each(ctx, len(texts), func(ctx context.Context, i int) error {
		s := texts[i]
		data, err := reg.Get(ctx, idPath(s))
		var got api.SchemaString
		if err == nil {
			err = json.Unmarshal(data, &got)
		}
		mu.Lock()
		defer mu.Unlock()
		v.Compared++
		progress.tell("compare", v.Compared, v.Compared)
		var refused *api.Error
		switch {
		case errors.As(err, &refused):
			v.Differences = append(v.Differences, Difference{idPath(s), describe(s), refused.Error()})
			return nil
		case err != nil:
			return err
		case got.Schema != s.Schema:
			v.Differences = append(v.Differences, Difference{idPath(s), short(s.Schema), short(got.Schema)})
		}
		return nil
	})
	return v, err
}

// firstOfID returns one version for each id of each context.
func firstOfID(schemas []api.Schema) []api.Schema {
	seen := map[api.ContextID]bool{}
	var out []api.Schema
	for _, s := range schemas {
		key := api.ContextID{Context: contextOf(s.Subject), ID: s.ID}
		if !seen[key] {
			seen[key] = true
			out = append(out, s)
		}
	}
	return out
}

func idPath(s api.Schema) string {
	query := url.Values{"fetchMaxId": {"true"}}
	if scope := scopeOf(contextOf(s.Subject)); scope != "" {
		query.Set("subject", scope)
	}
	return "/schemas/ids/" + strconv.Itoa(s.ID) + "?" + query.Encode()
}

// VerifyLive compares the answers of two registries to every GET about what a dump
// holds, or without modes to all but those about modes. Times of registration may
// differ; errors are compared by their code.
func VerifyLive(ctx context.Context, a, b *client.Client, d *Dump, modes bool, progress Progress) (Verification, error) {
	paths := slices.DeleteFunc(Paths(d), func(p string) bool { return !modes && strings.HasPrefix(p, "/mode") })
	differences := make([]*Difference, len(paths))
	count := &counter{progress: progress, stage: "compare", total: len(paths)}
	err := each(ctx, len(paths), func(ctx context.Context, i int) error {
		left, err := answer(ctx, a, paths[i])
		if err != nil {
			return err
		}
		right, err := answer(ctx, b, paths[i])
		if err != nil {
			return err
		}
		if left != right {
			differences[i] = &Difference{"GET " + paths[i], short(left), short(right)}
		}
		count.add()
		return nil
	})
	v := Verification{Compared: count.now()}
	for _, diff := range differences {
		if diff != nil {
			v.Differences = append(v.Differences, *diff)
		}
	}
	return v, err
}

// Paths returns every GET about what a dump holds, each once.
func Paths(d *Dump) []string {
	seen := map[string]bool{}
	var out []string
	add := func(paths ...string) {
		for _, p := range paths {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	if d.Whole {
		add("/contexts", "/subjects", "/subjects?deleted=true", "/subjects?deletedOnly=true")
		add(scopePaths(allContexts)...)
	}
	for _, c := range d.Contexts {
		scope := scopeOf(c.Name)
		prefix := "subjectPrefix=" + url.QueryEscape(scope)
		add("/subjects?"+prefix, "/subjects?deleted=true&"+prefix, "/subjects?deletedOnly=true&"+prefix)
		add("/schemas?latestOnly=true&"+prefix, "/schemas?latestOnly=true&deleted=true&"+prefix)
		add(scopePaths(scope)...)
	}
	for _, scope := range d.scopes() {
		add(scopePaths(scope)...)
	}
	for _, s := range d.Schemas {
		subject := "/subjects/" + url.PathEscape(cmp.Or(s.Subject, ":.:"))
		versions := subject + "/versions"
		one := versions + "/" + strconv.Itoa(s.Version)
		add(versions, versions+"?deleted=true", versions+"?deletedOnly=true", versions+"/latest", subject+"/metadata", subject+"/metadata?deleted=true")
		add(one, one+"?deleted=true", one+"/schema?deleted=true", one+"/referencedby", one+"/referencedby?deleted=true")
		add(scopePaths(s.Subject)...)
		id, query := "/schemas/ids/"+strconv.Itoa(s.ID), ""
		if scope := scopeOf(contextOf(s.Subject)); scope != "" {
			query = "&subject=" + url.QueryEscape(scope)
		}
		add(idPath(s), id+"/schema?format="+query, id+"/versions?deleted=false"+query, id+"/versions?deleted=true"+query,
			id+"/subjects?deleted=false"+query, id+"/subjects?deleted=true"+query)
		if s.GUID != "" {
			add("/schemas/guids/"+s.GUID, "/schemas/guids/"+s.GUID+"/ids")
		}
	}
	return out
}

// scopePaths returns the questions about the settings of a scope.
func scopePaths(scope string) []string {
	var out []string
	for _, root := range []string{"/config", "/mode"} {
		if scope != "" {
			root += "/" + url.PathEscape(scope)
		}
		out = append(out, root, root+"?defaultToGlobal=true")
	}
	return out
}

// answer returns the answer to a GET in a form that compares: JSON with sorted
// keys and without times, text as it is, errors by their code.
func answer(ctx context.Context, reg *client.Client, path string) (string, error) {
	data, err := reg.Get(ctx, path)
	var refused *api.Error
	switch {
	case errors.As(err, &refused) && refused.Code.Status() < 500:
		return fmt.Sprintf("error %d", int(refused.Code)), nil
	case err != nil:
		return "", err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return string(data), nil // the bare text of a Protobuf schema
	}
	if !strings.Contains(path, "/schema?") && !strings.HasSuffix(path, "/schema") {
		timeless(v)
	}
	if m, ok := v.(map[string]any); ok && strings.HasPrefix(path, "/schemas/ids/") {
		// Which of several versions with one id speaks for it follows from times.
		delete(m, "subject")
		delete(m, "version")
	}
	out, err := json.Marshal(v)
	return string(out), err
}

// timeless drops the time of registration of a schema, or of each in a list.
func timeless(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "ts")
	case []any:
		for _, w := range v {
			if m, ok := w.(map[string]any); ok {
				delete(m, "ts")
			}
		}
	}
}

// Rebase moves a dump of one context into another, with everything in it that
// names the old one. Schemas that refer to it by its name get another guid, as the
// names of references are a part of what a guid stands for.
func Rebase(d *Dump, to string) (*Dump, error) {
	if len(d.Contexts) != 1 {
		names := make([]string, len(d.Contexts))
		for i, c := range d.Contexts {
			names[i] = c.Name
		}
		return nil, fmt.Errorf("it holds %d contexts (%s); only one can be moved into another: export it alone", len(names), strings.Join(names, ", "))
	}
	from := d.Contexts[0].Name
	if from == to && !d.Whole {
		return d, nil
	}
	move := func(name string) string {
		if contextOf(name) != from || name == allContexts {
			return name
		}
		return scopeOf(to) + bare(name)
	}
	out := &Dump{Contexts: []Context{{to, d.Contexts[0].MaxID}}, EveryScope: d.EveryScope}
	for _, s := range d.Schemas {
		s.Subject = move(s.Subject)
		s.References = slices.Clone(s.References)
		for i, r := range s.References {
			if strings.HasPrefix(r.Subject, ":.") && contextOf(r.Subject) == from {
				s.References[i].Subject = move(r.Subject)
				s.GUID = ""
			}
		}
		out.Schemas = append(out.Schemas, s)
	}
	for _, c := range d.Configs {
		if c.Scope == allContexts {
			continue
		}
		c.Scope = move(c.Scope)
		out.Configs = append(out.Configs, c)
	}
	for _, m := range d.Modes {
		if m.Scope == allContexts || m.Scope == "" && m.Mode == api.ModeReadWrite {
			continue // READWRITE is what a context is without a mode
		}
		m.Scope = move(m.Scope)
		out.Modes = append(out.Modes, m)
	}
	sortDump(out)
	return out, nil
}
