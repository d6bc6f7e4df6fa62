package rest

import (
	"mime"
	"strconv"
	"strings"
)

// mediaTypes are the forms in which the server answers, the preferred one first.
// All of them are the same JSON.
var mediaTypes = [...]string{
	"application/vnd.schemaregistry.v1+json",
	"application/vnd.schemaregistry+json",
	"application/json",
}

// octetStream is accepted for bodies and read as JSON too.
const octetStream = "application/octet-stream"

// negotiate returns the place in mediaTypes of the form that the client likes
// best; between equals, of the one that the server prefers.
func negotiate(accept []string) (int, bool) {
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == mediaTypes[0]) {
		return 0, true
	}
	ranges := strings.Split(strings.Join(accept, ","), ",")
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return 0, true
	}
	best, bestQ := 0, 0.0
	for i, offered := range mediaTypes {
		if q := accepts(ranges, offered); q > bestQ {
			best, bestQ = i, q
		}
	}
	return best, bestQ > 0
}

// accepts returns the quality that the most specific range gives to a type.
func accepts(ranges []string, offered string) float64 {
	found, rank := 0.0, 0
	for _, r := range ranges {
		name, q := quality(r)
		name = strings.ToLower(name)
		specific := 0
		switch name {
		case offered:
			specific = 3
		case "application/*":
			specific = 2
		case "*/*", "*":
			specific = 1
		}
		if specific > rank {
			found, rank = q, specific
		}
	}
	return found
}

// quality splits one entry of an Accept header. A quality that does not parse
// counts as none given.
func quality(entry string) (name string, q float64) {
	name, params, _ := strings.Cut(entry, ";")
	q = 1
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if v, err := strconv.ParseFloat(value, 64); err == nil && strings.EqualFold(key, "q") && v >= 0 && v <= 1 {
			q = v
		}
	}
	return strings.TrimSpace(name), q
}

// isJSON reports whether a body of this Content-Type is read as JSON.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	name, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	for _, t := range mediaTypes {
		if name == t {
			return true
		}
	}
	return name == octetStream
}
