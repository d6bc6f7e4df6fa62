package registry

import "slices"

// Scopes returns where settings or a mode are set, in order: subjects, with or
// without versions, contexts spelled :.context:, ":.__GLOBAL:" for all contexts
// and "" for the server. What each has, [Registry.Config] and [Registry.Mode] say
// without inheriting.
func (r *Registry) Scopes() []string {
	st := r.state.Load()
	out := append(st.configs.Keys(), st.modes.Keys()...)
	slices.Sort(out)
	return slices.Compact(out)
}
