package clients_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
)

// The Go clients speak TLS and send a password too, and tell their users what the
// registry says to whom it does not let in.
func TestSecuredGo(t *testing.T) {
	t.Parallel()
	address, ca := serveSecured(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = nil
	https := trusting(t, ca)
	const text = `{"type":"record","name":"A","fields":[]}`

	t.Run("srclient", func(t *testing.T) {
		as := func(name, password string) *srclient.SchemaRegistryClient {
			c := srclient.NewSchemaRegistryClient(u.String(), srclient.WithClient(https))
			c.SetCredentials(name, password)
			return c
		}
		made, err := as("admin", "all").CreateSchema("srclient", text, srclient.Avro)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := as("reader", "secret").LookupSchema("srclient", text, srclient.Avro); err != nil || found.ID() != made.ID() {
			t.Errorf("a reader looks up %v, %v", found, err)
		}
		for want, c := range map[int]*srclient.SchemaRegistryClient{403: as("reader", "secret"), 401: as("reader", "wrong")} {
			_, err := c.CreateSchema("srclient", `"int"`, srclient.Avro)
			if e := (srclient.Error{}); !errors.As(err, &e) || e.Code != want {
				t.Errorf("error %v, want code %d", err, want)
			}
		}
	})
	t.Run("franz", func(t *testing.T) {
		as := func(name, password string) *sr.Client {
			c, err := sr.NewClient(sr.URLs(u.String()), sr.HTTPClient(https), sr.BasicAuth(name, password))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		made, err := as("admin", "all").CreateSchema(t.Context(), "franz", sr.Schema{Schema: text})
		if err != nil {
			t.Fatal(err)
		}
		if found, err := as("reader", "secret").SchemaByGUID(t.Context(), made.GUID); err != nil || found.Schema.Schema != text {
			t.Errorf("a reader gets %v, %v", found, err)
		}
		for want, c := range map[int]*sr.Client{403: as("reader", "secret"), 401: as("reader", "wrong")} {
			_, err := c.CreateSchema(t.Context(), "franz", sr.Schema{Schema: `"int"`})
			if e := (*sr.ResponseError)(nil); !errors.As(err, &e) || e.StatusCode != want || e.ErrorCode != want {
				t.Errorf("error %v, want %d", err, want)
			}
		}
	})
}
