package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// mode returns the mode in effect for a scope.
func (p *policy) mode(st *State, scope string) string {
	for _, s := range scopes(scope) {
		if mode, ok := st.modes.Get(s); ok {
			return mode
		}
	}
	return api.ModeReadWrite
}

func (p *policy) readOnly(st *State, scope string) bool {
	mode := p.mode(st, scope)
	return mode == api.ModeReadOnly || mode == api.ModeReadOnlyOverride
}

// contextText is a context as the protocol's messages print it.
func contextText(context string) string { return joinName(context, "") }

func notPermitted(scope, why string) error {
	context, _ := splitName(scope)
	return api.OperationNotPermitted.With(fmt.Sprintf("Subject %s in context %s %s", scope, contextText(context), why))
}

func readOnly(scope string) error { return notPermitted(scope, "is in read-only mode") }

// checkMode returns why the mode forbids a registration.
func (p *policy) checkMode(st *State, subject string, importing bool) error {
	mode := p.mode(st, subject)
	brings := mode == api.ModeImport || mode == api.ModeForward
	switch {
	case p.readOnly(st, subject):
		return readOnly(subject)
	case importing && !brings:
		return notPermitted(subject, "is not in import mode")
	case !importing && brings:
		return notPermitted(subject, "is not in read-write mode")
	}
	return nil
}

// A ModeChange asks for another mode of a scope: a subject, a context spelled
// :.context:, or "" for the server. An empty Mode goes back to what is inherited.
type ModeChange struct {
	Scope string
	Mode  string
	Force bool // import into what is not empty
}

func (c ModeChange) target() (action, scope string) { return "set_mode", c.Scope }
func (c ModeChange) mark(st *State) string          { return at(st.modes, normalName(c.Scope)) }

func (c ModeChange) decide(p *policy, st *State, now int64) (decision, error) {
	mode := strings.ToUpper(c.Mode)
	known := []string{"", api.ModeReadWrite, api.ModeReadOnly, api.ModeReadOnlyOverride, api.ModeImport, api.ModeForward}
	if !slices.Contains(known, mode) {
		return decision{}, api.InvalidMode.With()
	}
	scope, err := newScope(c.Scope)
	if err != nil {
		return decision{}, err
	}
	switch {
	case p.fixedModes:
		return decision{}, api.OperationNotPermitted.With("Mode changes are not allowed")
	case mode == api.ModeForward && scope != globalScope:
		return decision{}, &api.Error{Code: api.InvalidMode, Message: "Forward mode only supported on global level"}
	}
	var records []Record
	if mode == api.ModeImport && !c.Force && p.mode(st, scope) != api.ModeImport {
		if records, err = cleared(st, scope, now); err != nil {
			return decision{}, err
		}
	}
	if mode != at(st.modes, scope) {
		records = append(records, Record{Kind: ModeRecord, Subject: scope, Time: now, Mode: mode})
	}
	return decision{records, mode}, nil
}

// cleared returns the records that empty a scope of soft-deleted versions, so
// that versions can be imported into it; live ones forbid that.
func cleared(st *State, scope string, now int64) ([]Record, error) {
	all := st.within(scope)
	if slices.ContainsFunc(all, func(v *version) bool { return !v.deleted }) {
		return nil, api.OperationNotPermitted.With("Cannot import since found existing subjects")
	}
	inScope := map[*version]bool{}
	for _, v := range all {
		inScope[v] = true
	}
	var out []Record
	highest := map[string]bool{}
	for _, v := range all {
		for user := range st.referrers(v.name(), All) {
			if !inScope[user] {
				return nil, api.ReferenceExists.With(v.subject, v.number)
			}
		}
		if context := v.context(); !highest[context] {
			highest[context] = true
			out = append(out, idRecord(st, context, now))
		}
		out = append(out, Record{Kind: PurgeRecord, Subject: v.subject, Version: v.number, Time: now})
	}
	return out, nil
}

// idRecord keeps the highest id of a context when versions are purged: a log
// that is compacted may forget that it was ever given.
func idRecord(st *State, context string, now int64) Record {
	return Record{Kind: IDRecord, Subject: joinName(context, ""), ID: st.space(context).maxID, Time: now}
}

// A ModeDeletion asks that a scope go back to the mode that it inherits.
type ModeDeletion struct {
	Scope     string
	Recursive bool // of a context: its subjects too
}

func (c ModeDeletion) target() (action, scope string) { return "delete_mode", c.Scope }
func (c ModeDeletion) mark(st *State) string          { return at(st.modes, normalName(c.Scope)) }

func (c ModeDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	scope, err := newScope(c.Scope)
	if err != nil {
		return decision{}, err
	}
	if p.fixedModes {
		return decision{}, api.OperationNotPermitted.With("Mode changes are not allowed")
	}
	old, ok := st.modes.Get(scope)
	var records []Record
	if ok {
		records = append(records, Record{Kind: ModeRecord, Subject: scope, Time: now})
	}
	context, name := splitName(scope)
	if c.Recursive && name == "" {
		for _, other := range st.modes.Keys() {
			if ctx, sub := splitName(other); ctx == context && sub != "" {
				records = append(records, Record{Kind: ModeRecord, Subject: other, Time: now})
			}
		}
	}
	if !ok && !c.Recursive {
		return decision{}, api.SubjectNotFound.With(scope)
	}
	return decision{records, old}, nil
}

// A ContextDeletion asks that an empty context be no longer listed.
type ContextDeletion struct {
	Context string // as it is listed, with its dot
}

func (c ContextDeletion) target() (action, scope string) {
	return "delete_context", joinName(c.Context, "")
}

func (c ContextDeletion) mark(st *State) string {
	if st.space(c.Context).listed {
		return "listed"
	}
	return ""
}

func (c ContextDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	sp := st.space(c.Context)
	if c.Context == "." {
		sp = st.space("")
	}
	if sp.subjects.Len() > 0 {
		return decision{}, api.ContextNotEmpty.With(c.Context)
	}
	if p.readOnly(st, joinName(c.Context, "")) {
		return decision{}, readOnly(joinName(c.Context, ""))
	}
	if !sp.listed {
		return decision{answer: false}, nil
	}
	record := Record{Kind: ContextRecord, Subject: joinName(c.Context, ""), Time: now, Gone: true}
	return decision{[]Record{record}, true}, nil
}
