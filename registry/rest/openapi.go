package rest

import (
	_ "embed"
	"net/http"
)

// description is the API for programs that read OpenAPI. It is written by hand; a
// test compares it with the routes and with real answers.
//
//go:embed openapi.yaml
var description []byte

// describe sends the description, which is the one answer that is not JSON.
func describe(c *call) (*reply, error) {
	header := c.w.Header()
	header.Set("Content-Type", "application/yaml")
	header["Cache-Control"] = cacheRefreshed
	status, n := write(c.w, c.r, http.StatusOK, &reply{text: string(description)})
	return &reply{relay: &relay{status: status, bytes: n}}, nil
}
