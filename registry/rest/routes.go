package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A route answers one method of one path. A segment in braces matches any
// segment that is not empty, percent-decoded once, so a subject may hold an
// encoded slash.
type route struct {
	method string
	path   string
	serve  func(*call) (*reply, error)
}

// routes returns the whole API.
func routes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		{get, "/", root},
		{post, "/", root},
		{get, "/v1/metadata/id", clusterID},
		{get, "/v1/metadata/version", serverVersion},
		{get, "/v1/metadata/deployment", deployment},
		{get, "/contexts", contexts},

		{get, "/subjects", listSubjects},
		{post, "/subjects/{subject}", lookup},
		{del, "/subjects/{subject}", deleteSubject},
		{get, "/subjects/{subject}/metadata", byMetadata},
		{get, "/subjects/{subject}/versions", listVersions},
		{post, "/subjects/{subject}/versions", register},
		{get, "/subjects/{subject}/versions/{version}", getVersion},
		{del, "/subjects/{subject}/versions/{version}", deleteVersion},
		{get, "/subjects/{subject}/versions/{version}/schema", getVersionText},
		{get, "/subjects/{subject}/versions/{version}/referencedby", referencedBy},

		{get, "/schemas", listSchemas},
		{get, "/schemas/types", types},
		{get, "/schemas/ids/{id}", getByID},
		{get, "/schemas/ids/{id}/schema", getTextByID},
		{get, "/schemas/ids/{id}/subjects", subjectsOfID},
		{get, "/schemas/ids/{id}/versions", versionsOfID},
		{get, "/schemas/guids/{guid}", getByGUID},
		{get, "/schemas/guids/{guid}/ids", idsOfGUID},

		{post, "/compatibility/subjects/{subject}/versions", checkAll},
		{post, "/compatibility/subjects/{subject}/versions/{version}", checkVersion},

		{get, "/config", getConfig},
		{put, "/config", putConfig},
		{del, "/config", deleteConfig},
		{get, "/config/{subject}", getConfig},
		{put, "/config/{subject}", putConfig},
		{del, "/config/{subject}", deleteConfig},

		{get, "/mode", getMode},
		{put, "/mode", putMode},
		{del, "/mode", putMode},
		{get, "/mode/{subject}", getMode},
		{put, "/mode/{subject}", putMode},
		{del, "/mode/{subject}", putMode},
	}
}

// table is routes, made once.
var table = routes()

// match finds the route of a request and the values of its braces. HEAD is
// served as GET.
func match(w http.ResponseWriter, r *http.Request) (serve func(*call) (*reply, error), vars map[string]string, err error) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	var allowed []string
	for _, rt := range table {
		found, ok := fit(rt.path, path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt.serve, found, nil
		}
		allowed = append(allowed, rt.method)
	}
	if allowed == nil {
		return nil, nil, api.NotFound.With()
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return nil, nil, api.MethodNotAllowed.With()
}

func fit(pattern string, path []string) (map[string]string, bool) {
	want := strings.Split(strings.TrimSuffix(pattern, "/"), "/")
	if len(want) != len(path) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		got, err := url.PathUnescape(path[i])
		switch name, isVar := strings.CutPrefix(w, "{"); {
		case err != nil:
			return nil, false
		case isVar && got != "":
			vars[strings.TrimSuffix(name, "}")] = got
		case w != got:
			return nil, false
		}
	}
	return vars, true
}

// Public reports whether a path is answered without credentials: clients look
// there for what this server does not offer, and some stop at a refusal.
func Public(path string) bool {
	return strings.HasPrefix(path, "/associations") || strings.HasPrefix(path, "/dek-registry/")
}
