package registryio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A Progress is told how far a stage is. It may be called from several goroutines
// at a time; nil is no progress to tell.
type Progress func(stage string, done, total int)

func (p Progress) tell(stage string, done, total int) {
	if p != nil {
		p(stage, done, total)
	}
}

// workers is how many requests are on their way at a time.
const workers = 8

// each runs f for 0 to n-1, several at a time, and returns the first error.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// attempts is how often an export starts again when the registry changes under it.
const attempts = 3

// Export reads a registry: the named contexts, or all if there are none. The
// client should remember nothing, see client.Cache. A registry that goes on
// changing is an error; mode READONLY makes it hold still.
func Export(ctx context.Context, reg *client.Client, contexts []string, progress Progress) (*Dump, error) {
	return exportFor(ctx, reg, contexts, nil, progress)
}

// exportFor is Export with the settings and modes of some scopes, also where the
// registry names them in no list.
func exportFor(ctx context.Context, reg *client.Client, contexts, scopes []string, progress Progress) (*Dump, error) {
	for range attempts {
		d, still, err := export(ctx, reg, contexts, scopes, progress)
		if err != nil || still {
			return d, err
		}
	}
	return nil, fmt.Errorf("the registry changed while it was read, %d times; set its mode to READONLY until the export is done", attempts)
}

// export also reports whether the registry held still.
func export(ctx context.Context, reg *client.Client, contexts, scopes []string, progress Progress) (*Dump, bool, error) {
	d := &Dump{Whole: len(contexts) == 0}
	schemas, aliases, err := list(ctx, reg, contexts)
	if err != nil {
		return nil, false, fmt.Errorf("list the schemas: %w", err)
	}
	d.Schemas = schemas
	names, err := contextNames(ctx, reg, contexts, schemas)
	if err != nil {
		return nil, false, err
	}
	for _, name := range names {
		max, err := maxID(ctx, reg, name, schemas)
		if err != nil {
			return nil, false, err
		}
		d.Contexts = append(d.Contexts, Context{name, max})
	}
	listed, every, err := listScopes(ctx, reg)
	if err != nil {
		return nil, false, err
	}
	d.EveryScope = every
	scopes = slices.DeleteFunc(slices.Concat(listed, scopes, aliases), func(scope string) bool {
		return !d.Whole && (scope == allContexts || !slices.Contains(contexts, contextOf(scope)))
	})
	if err := settings(ctx, reg, d, scopes, progress); err != nil {
		return nil, false, err
	}
	again, _, err := list(ctx, reg, contexts)
	if err != nil {
		return nil, false, fmt.Errorf("list the schemas: %w", err)
	}
	still := slices.EqualFunc(again, schemas, func(a, b api.Schema) bool {
		return keyOf(a) == keyOf(b) && difference(a, b) == "" && isDeleted(a) == isDeleted(b)
	})
	sortDump(d)
	return d, still, nil
}

// list returns every version, soft-deleted ones too, and the names of subjects
// that are aliases.
func list(ctx context.Context, reg *client.Client, contexts []string) (out []api.Schema, aliases []string, err error) {
	prefixes := []string{client.AllContexts}
	if len(contexts) > 0 {
		prefixes = nil
		for _, c := range contexts {
			prefixes = append(prefixes, scopeOf(c))
		}
	}
	for _, p := range prefixes {
		all, err := listed(ctx, reg, p, client.WithDeleted(), client.Aliases())
		if err != nil {
			return nil, nil, err
		}
		if len(contexts) > 0 { // the empty prefix may mean more than the default context
			all = slices.DeleteFunc(all, func(s api.Schema) bool { return scopeOf(contextOf(s.Subject)) != p })
		}
		live := map[api.SubjectVersion]bool{}
		if slices.ContainsFunc(all, func(s api.Schema) bool { return s.Deleted == nil }) {
			// Servers before 8 do not say which are deleted.
			alive, err := listed(ctx, reg, p)
			if err != nil {
				return nil, nil, err
			}
			for _, s := range alive {
				live[keyOf(s)] = true
			}
		}
		for _, s := range all {
			aliases = append(aliases, s.Aliases...)
			out = append(out, plain(s, isDeleted(s) || s.Deleted == nil && !live[keyOf(s)]))
		}
	}
	slices.Sort(aliases)
	return out, slices.Compact(aliases), nil
}

// listed returns what GET /schemas does, or on servers that do not have it, what
// asking for each version does.
func listed(ctx context.Context, reg *client.Client, prefix string, opts ...client.Query) ([]api.Schema, error) {
	all, err := reg.Schemas(ctx, prefix, opts...)
	if !isMissing(err) {
		return all, err
	}
	subjects, err := reg.SubjectsWith(ctx, prefix, opts...)
	if err != nil {
		return nil, err
	}
	for _, s := range subjects {
		numbers, err := reg.Versions(ctx, s, opts...)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			v, err := reg.Version(ctx, s, n, opts...)
			if err != nil {
				return nil, err
			}
			v.Subject = s
			all = append(all, v)
		}
	}
	return all, nil
}

// isMissing reports whether a server does not know a path.
func isMissing(err error) bool {
	return errors.Is(err, api.NotFound) || errors.Is(err, api.MethodNotAllowed) || errors.Is(err, api.Code(http.StatusNotImplemented))
}

func contextNames(ctx context.Context, reg *client.Client, asked []string, schemas []api.Schema) ([]string, error) {
	if len(asked) > 0 {
		return slices.Clone(asked), nil
	}
	names, err := reg.Contexts(ctx)
	if isMissing(err) {
		names, err = []string{defaultContext}, nil // servers before 7
	}
	if err != nil {
		return nil, fmt.Errorf("list the contexts: %w", err)
	}
	for _, s := range schemas {
		names = append(names, contextOf(s.Subject))
	}
	names = append(names, defaultContext)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// maxID asks for the highest id of a context, by way of any schema in it.
func maxID(ctx context.Context, reg *client.Client, context string, schemas []api.Schema) (int, error) {
	i := slices.IndexFunc(schemas, func(s api.Schema) bool { return contextOf(s.Subject) == context })
	if i < 0 {
		return 0, nil
	}
	query := url.Values{"fetchMaxId": {"true"}}
	if context != defaultContext {
		query.Set("subject", scopeOf(context))
	}
	data, err := reg.Get(ctx, "/schemas/ids/"+strconv.Itoa(schemas[i].ID)+"?"+query.Encode())
	if err != nil {
		return 0, fmt.Errorf("ask for the highest id of context %s: %w", context, err)
	}
	var out api.SchemaString
	if err := json.Unmarshal(data, &out); err != nil {
		return 0, fmt.Errorf("ask for the highest id of context %s: %w", context, err)
	}
	if out.MaxID == nil {
		return 0, nil
	}
	return *out.MaxID, nil
}

// listScopes returns where settings or modes are set, or false if the registry
// does not tell: it is no part of the protocol.
func listScopes(ctx context.Context, reg *client.Client) ([]string, bool, error) {
	data, err := reg.Get(ctx, "/v1/metadata/scopes")
	var out []string
	switch {
	case isMissing(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("list where settings are: %w", err)
	case json.Unmarshal(data, &out) != nil:
		return nil, false, nil // something else that others have there
	}
	return out, true, nil
}

// settings reads the configs and modes of every scope that has a name here, and
// of more.
func settings(ctx context.Context, reg *client.Client, d *Dump, more []string, progress Progress) error {
	scopes := slices.Clone(more)
	if d.Whole {
		scopes = append(scopes, allContexts)
	}
	for _, c := range d.Contexts {
		scopes = append(scopes, scopeOf(c.Name))
	}
	for _, s := range d.Schemas {
		scopes = append(scopes, s.Subject)
	}
	slices.Sort(scopes)
	scopes = slices.Compact(scopes)
	configs, modes := make([]*Config, len(scopes)), make([]*Mode, len(scopes))
	var mu sync.Mutex
	done := 0
	err := each(ctx, len(scopes), func(ctx context.Context, i int) error {
		config, err := reg.Config(ctx, scopes[i])
		switch {
		case err == nil:
			configs[i] = &Config{scopes[i], config}
		case !unset(err):
			return fmt.Errorf("settings of %s: %w", scopeText(scopes[i]), err)
		}
		mode, err := reg.Mode(ctx, scopes[i])
		switch {
		case err == nil && mode != "":
			modes[i] = &Mode{scopes[i], mode}
		case err != nil && !unset(err):
			return fmt.Errorf("mode of %s: %w", scopeText(scopes[i]), err)
		}
		mu.Lock()
		defer mu.Unlock()
		done++
		progress.tell("read settings", done, len(scopes))
		return nil
	})
	if err != nil {
		return err
	}
	for i := range scopes {
		if configs[i] != nil {
			d.Configs = append(d.Configs, *configs[i])
		}
		if modes[i] != nil {
			d.Modes = append(d.Modes, *modes[i])
		}
	}
	return nil
}

// unset reports whether a scope has no settings or mode of its own, as servers of
// several ages say it.
func unset(err error) bool {
	return errors.Is(err, api.SubjectLevelNotSet) || errors.Is(err, api.SubjectModeNotSet) ||
		errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.InvalidSubject) || isMissing(err)
}
