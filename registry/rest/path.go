package rest

import (
	"net/url"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// segments splits a path and decodes each part once, so that a subject may hold
// an encoded slash.
func segments(u *url.URL) ([]string, error) {
	if u.RawPath == "" && !strings.Contains(u.Path, "%") {
		return strings.Split(strings.Trim(u.Path, "/"), "/"), nil
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, p := range parts {
		decoded, err := url.PathUnescape(p)
		if err != nil {
			return nil, api.NotFound.With()
		}
		parts[i] = decoded
	}
	return parts, nil
}

// intoContext rewrites /contexts/{context}/rest to rest, with the context moved
// into the subject or into a parameter. Everything else stays as it is.
func intoContext(path []string, query url.Values) ([]string, url.Values, error) {
	if len(path) < 3 || path[0] != "contexts" {
		return path, query, nil
	}
	context := path[1]
	if context == ":.:" {
		context = "."
	}
	if context == "" || strings.Contains(context, ":") {
		return nil, nil, api.BadRequest.With("the context in the path is empty or holds a colon")
	}
	prefix := ":." + strings.TrimPrefix(context, ".") + ":"
	rest := append([]string(nil), path[2:]...)
	inQuery := ""
	switch {
	case rest[0] == "subjects" && len(rest) == 1, rest[0] == "schemas" && len(rest) == 1:
		inQuery = "subjectPrefix"
	case rest[0] == "schemas" && rest[1] == "ids":
		inQuery = "subject"
	case (rest[0] == "config" || rest[0] == "mode") && len(rest) == 1:
		rest = append(rest, prefix)
	default:
		for i := 1; i < len(rest); i++ {
			if above := rest[i-1]; above == "subjects" || i == 1 && (above == "config" || above == "mode") {
				rest[i] = qualify(prefix, rest[i])
			}
		}
	}
	if inQuery != "" {
		moved := url.Values{}
		for name, values := range query {
			moved[name] = values
		}
		moved.Set(inQuery, qualify(prefix, query.Get(inQuery)))
		query = moved
	}
	return rest, query, nil
}

// qualify puts a context before a name that has none.
func qualify(prefix, name string) string {
	if strings.HasPrefix(name, ":.") || strings.HasPrefix(name, ":*:") {
		return name
	}
	return prefix + name
}
