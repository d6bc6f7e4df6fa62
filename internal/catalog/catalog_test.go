package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang"
)

const (
	address = `{"type":"record","name":"Address","namespace":"common","fields":[{"name":"city","type":"string"}]}`
	placed  = `{"type":"record","name":"Placed","namespace":"orders.v1","fields":[{"name":"id","type":"string"},{"name":"to","type":"common.Address"}]}`
	shipped = `{"type":"record","name":"Shipped","namespace":"orders.v1","fields":[{"name":"id","type":"string"},{"name":"from","type":"common.Address"}]}`
	money   = "syntax = \"proto3\";\npackage common;\nmessage Money { int64 units = 1; }\n"
	paid    = "syntax = \"proto3\";\npackage pay;\nimport \"common/money.proto\";\nimport \"google/protobuf/timestamp.proto\";\nmessage Paid { string id = 1; common.Money amount = 2; google.protobuf.Timestamp at = 3; }\nmessage Refunded { string id = 1; }\n"
)

func files(kv ...string) fstest.MapFS {
	fs := fstest.MapFS{}
	for i := 0; i < len(kv); i += 2 {
		fs[kv[i]] = &fstest.MapFile{Data: []byte(kv[i+1])}
	}
	return fs
}

func load(t *testing.T, settings string, fs fstest.MapFS) (*catalog.Catalog, error) {
	t.Helper()
	cfg, err := config.Parse("wireproof.yaml", "version: 1\n"+settings)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Load(fs, cfg)
}

const twoTopics = `events:
  - { schema: orders/v1/placed.avsc, topic: orders, key: id }
  - { schema: orders/v1/shipped.avsc, topic: orders, key: id }
  - { schema: pay/paid.proto, message: pay.Paid, topic: payments, key: id }
`

func TestSubjectsInPushOrder(t *testing.T) {
	c, err := load(t, twoTopics, files("common/address.avsc", address, "orders/v1/placed.avsc", placed, "orders/v1/shipped.avsc", shipped,
		"common/money.proto", money, "pay/paid.proto", paid, "unused/other.avsc", `{"type":"record","name":"Other","fields":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Subjects() {
		got = append(got, s.Name)
	}
	want := []string{"common.Address", "orders-orders.v1.Placed", "orders-orders.v1.Shipped", "common/money.proto", "payments-pay.Paid"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	ref := c.Files["orders/v1/placed.avsc"].Source.References
	if len(ref) != 1 || ref[0].Name != "common.Address" || ref[0].Subject != "common.Address" || ref[0].Source == nil || ref[0].Source.Type != lang.Avro {
		t.Errorf("references of placed.avsc = %+v, want common.Address with its source", ref)
	}
	if got := c.Files["orders/v1/placed.avsc"].GoPackage(); got != "ordersv1" {
		t.Errorf("GoPackage = %s, want ordersv1", got)
	}
	if got := len(c.UsedFiles()); got != 5 {
		t.Errorf("%d files are used, want 5: the unused one is not generated", got)
	}
}

// A file that is an event and also used by others is referred to under the
// subject of the event.
func TestEventThatOthersUse(t *testing.T) {
	user := `{"type":"record","name":"User","namespace":"u","fields":[{"name":"last","type":"orders.v1.Placed"}]}`
	c, err := load(t, "events:\n  - { schema: a/user.avsc, topic: users }\n  - { schema: orders/v1/placed.avsc, topic: orders }\n",
		files("common/address.avsc", address, "orders/v1/placed.avsc", placed, "a/user.avsc", user))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Files["a/user.avsc"].Source.References[0].Subject; got != "orders-orders.v1.Placed" {
		t.Errorf("reference to subject %s, want that of the event", got)
	}
	var got []string
	for _, s := range c.Subjects() {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"common.Address", "orders-orders.v1.Placed", "users-u.User"}, got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

func TestMistakes(t *testing.T) {
	orders := files("common/address.avsc", address, "orders/v1/placed.avsc", placed, "orders/v1/shipped.avsc", shipped, "pay/paid.proto", paid, "common/money.proto", money)
	for _, tt := range []struct {
		name, settings string
		fs             fstest.MapFS
		want           string
	}{
		{"no such schema", "events:\n  - { schema: x.avsc, topic: t }\n", orders, "there is no schema x.avsc below schemas"},
		{"no such key", "events:\n  - { schema: orders/v1/placed.avsc, topic: t, key: nope }\n", orders, `key is "nope", which orders.v1.Placed does not have`},
		{"no such key in a message", "events:\n  - { schema: pay/paid.proto, message: pay.Paid, topic: t, key: nope }\n", orders, `key is "nope", which pay.Paid does not have`},
		{"which message", "events:\n  - { schema: pay/paid.proto, topic: t }\n", orders, "pay/paid.proto has pay.Paid, pay.Refunded"},
		{"message of Avro", "events:\n  - { schema: orders/v1/placed.avsc, message: M, topic: t }\n", orders, "is an Avro schema"},
		{"topic strategy", "subjects: { naming: topic }\nevents:\n  - { schema: orders/v1/placed.avsc, topic: orders }\n  - { schema: orders/v1/shipped.avsc, topic: orders }\n", orders, "set subjects.naming to record or topic-record"},
		{"packages clash", "events:\n  - { schema: orders/v1/placed.avsc, topic: a.b }\n  - { schema: orders/v1/shipped.avsc, topic: a-b }\n", orders, "both generate the Go package ab"},
		{"name twice", "events: []\n", files("a.avsc", address, "b.avsc", address), "common.Address is defined in a.avsc already"},
		{"not a record", "events:\n  - { schema: s.avsc, topic: t }\n", files("s.avsc", `"string"`), "an event is a record"},
		{"unknown type", "events:\n  - { schema: orders/v1/placed.avsc, topic: t }\n", files("orders/v1/placed.avsc", placed), "common.Address"},
		{"cycle", "events: []\n", files("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n", "b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\n"), "a.proto uses b.proto uses a.proto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.settings, tt.fs)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// Any number of messages of one file may share a subject under the topic strategy.
func TestTopicStrategyForOneProtoFile(t *testing.T) {
	c, err := load(t, "subjects: { naming: topic }\nevents:\n  - { schema: pay/paid.proto, message: pay.Paid, topic: payments }\n  - { schema: pay/paid.proto, message: pay.Refunded, topic: payments }\n",
		files("pay/paid.proto", paid, "common/money.proto", money))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Subjects()); n != 2 {
		t.Errorf("%d subjects, want payments-value and common/money.proto", n)
	}
}
