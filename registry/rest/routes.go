package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A route answers one method of one path. A segment in braces matches any
// segment that is not empty.
type route struct {
	method string
	path   string
	verb   api.Verb // what must be allowed for the subject in the path, or the server; "" if the route asks itself
	serve  func(*call) (*reply, error)
	// anyAccept says that the route has one form and sends it whatever the client
	// would rather have.
	anyAccept bool
	deed      deed // what it changes, which only a leader may do
	parts     []string
}

// A deed is a change as errors name it. The zero deed is none.
type deed struct{ request, operation string }

var (
	registering     = deed{"register schema", "Register"}
	tagging         = deed{"tag schema", "Tag schema"}
	deletingSubject = deed{"delete subject", "Delete subject"}
	deletingVersion = deed{"delete schema version", "Delete Schema Version"}
	deletingContext = deed{"delete context", "Delete context"}
	changingConfig  = deed{"update config", "Update config"}
	deletingConfig  = deed{"delete config", "Delete config"}
	changingMode    = deed{"update mode", "Update mode"}
	deletingMode    = deed{"delete mode", "Delete mode"}
)

// routes returns the whole API.
func routes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	list := []route{
		{method: get, path: "/", serve: root},
		{method: post, path: "/", serve: root},
		{method: get, path: "/openapi.yaml", serve: describe, anyAccept: true},
		{method: get, path: "/v1/metadata/id", serve: clusterID},
		{method: get, path: "/v1/metadata/version", serve: serverVersion},
		{method: get, path: "/v1/metadata/deployment", serve: deployment},
		{method: get, path: "/v1/metadata/scopes", serve: listScopes},
		{method: get, path: "/contexts", serve: contexts},
		{method: del, path: "/contexts/{context}", serve: deleteContext, deed: deletingContext},

		{method: get, path: "/subjects", serve: listSubjects},
		{method: post, path: "/subjects/{subject}", verb: api.Read, serve: lookup},
		{method: del, path: "/subjects/{subject}", verb: api.Delete, serve: deleteSubject, deed: deletingSubject},
		{method: get, path: "/subjects/{subject}/metadata", verb: api.Read, serve: byMetadata},
		{method: get, path: "/subjects/{subject}/versions", verb: api.Read, serve: listVersions},
		{method: post, path: "/subjects/{subject}/versions", verb: api.Write, serve: register, deed: registering},
		{method: get, path: "/subjects/{subject}/versions/{version}", verb: api.Read, serve: getVersion},
		{method: del, path: "/subjects/{subject}/versions/{version}", verb: api.Delete, serve: deleteVersion, deed: deletingVersion},
		{method: get, path: "/subjects/{subject}/versions/{version}/schema", verb: api.Read, serve: getVersionText},
		{method: get, path: "/subjects/{subject}/versions/{version}/referencedby", verb: api.Read, serve: referencedBy},
		{method: post, path: "/subjects/{subject}/versions/{version}/tags", verb: api.Write, serve: tag, deed: tagging},

		{method: get, path: "/schemas", serve: listSchemas},
		{method: get, path: "/schemas/types", serve: types},
		{method: get, path: "/schemas/ids/{id}", serve: getByID},
		{method: get, path: "/schemas/ids/{id}/schema", serve: getTextByID},
		{method: get, path: "/schemas/ids/{id}/subjects", serve: subjectsOfID},
		{method: get, path: "/schemas/ids/{id}/versions", serve: versionsOfID},
		{method: get, path: "/schemas/guids/{guid}", serve: getByGUID},
		{method: get, path: "/schemas/guids/{guid}/ids", serve: idsOfGUID},

		{method: post, path: "/compatibility/subjects/{subject}/versions", verb: api.Read, serve: checkAll},
		{method: post, path: "/compatibility/subjects/{subject}/versions/{version}", verb: api.Read, serve: checkVersion},

		{method: get, path: "/config", verb: api.Read, serve: getConfig},
		{method: put, path: "/config", verb: api.Configure, serve: putConfig, deed: changingConfig},
		{method: del, path: "/config", verb: api.Configure, serve: deleteConfig, deed: deletingConfig},
		{method: get, path: "/config/{subject}", verb: api.Read, serve: getConfig},
		{method: put, path: "/config/{subject}", verb: api.Configure, serve: putConfig, deed: changingConfig},
		{method: del, path: "/config/{subject}", verb: api.Configure, serve: deleteConfig, deed: deletingConfig},

		{method: get, path: "/mode", verb: api.Read, serve: getMode},
		{method: put, path: "/mode", verb: api.Admin, serve: putMode, deed: changingMode},
		{method: del, path: "/mode", verb: api.Admin, serve: deleteMode, deed: deletingMode},
		{method: get, path: "/mode/{subject}", verb: api.Read, serve: getMode},
		{method: put, path: "/mode/{subject}", verb: api.Admin, serve: putMode, deed: changingMode},
		{method: del, path: "/mode/{subject}", verb: api.Admin, serve: deleteMode, deed: deletingMode},
	}
	for i := range list {
		list[i].parts = strings.Split(strings.Trim(list[i].path, "/"), "/")
	}
	return list
}

// table is routes, made once; byLength has them by the number of segments.
var (
	table    = routes()
	byLength = lengths(table)
)

func lengths(all []route) [][]*route {
	var out [][]*route
	for i := range all {
		n := len(all[i].parts)
		for len(out) <= n+1 { // the last one stays empty, for paths that are longer
			out = append(out, nil)
		}
		out[n] = append(out[n], &all[i])
	}
	return out
}

// writes reports whether a route changes something.
func (rt *route) writes() bool { return rt.deed != deed{} }

// match finds the route of a path and the values of its braces. HEAD is served
// as GET.
func match(w http.ResponseWriter, method string, path []string) (*route, variables, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allowed []string
	for _, rt := range byLength[min(len(path), len(byLength)-1)] {
		vars, ok := rt.fit(path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt, vars, nil
		}
		allowed = append(allowed, rt.method)
	}
	if allowed == nil {
		return nil, variables{}, notOffered(path)
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return nil, variables{}, api.MethodNotAllowed.With()
}

// variables are the values of the braces in a path.
type variables struct{ subject, version, id, guid, context string }

func (v *variables) set(name, value string) {
	switch name {
	case "{subject}":
		v.subject = value
	case "{version}":
		v.version = value
	case "{id}":
		v.id = value
	case "{guid}":
		v.guid = value
	case "{context}":
		v.context = value
	}
}

func (rt *route) fit(path []string) (vars variables, ok bool) {
	if len(rt.parts) != len(path) {
		return vars, false
	}
	for i, want := range rt.parts {
		switch got := path[i]; {
		case want != "" && want[0] == '{' && got != "":
			vars.set(want, got)
		case want != got:
			return vars, false
		}
	}
	return vars, true
}

// Public reports whether a path is answered without credentials: clients look
// there for what this server does not offer, and some stop at a refusal.
func Public(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return slices.Contains([]string{"associations", "associations:batchGet", "associations:batchMutate", "dek-registry", "exporters"}, first)
}

// notOffered says why there is nothing at a path.
func notOffered(path []string) error {
	if Public(path[0]) {
		e := api.NotFound.With()
		e.Message += ": this registry has no " + strings.ReplaceAll(path[0], ":", " ") + "; see its list of what it offers at /openapi.yaml"
		return e
	}
	return api.NotFound.With()
}
