package generate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/generate"
)

func all(t *testing.T, settings string, files map[string]string) ([]generate.File, error) {
	t.Helper()
	cfg, err := config.Parse("wireproof.yaml", "version: 1\nevents:\n"+settings)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for p, text := range files {
		fsys[p] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := catalog.Load(fsys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return generate.All(c, genPath)
}

const (
	orderAvro  = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`
	orderProto = "syntax = \"proto3\";\npackage shop2;\nmessage Order { string id = 1; }\n"
)

func TestAllNamesClashes(t *testing.T) {
	for _, tt := range []struct {
		name, settings string
		files          map[string]string
		want           string
	}{
		{"a record and a message", "  - { schema: shop/order.avsc, topic: a }\n  - { schema: shop/other.proto, topic: b }\n",
			map[string]string{"shop/order.avsc": orderAvro, "shop/other.proto": orderProto},
			"shop/order.avro.go and shop/other.fast.go would both declare"},
		{"a topic in the folder of a schema", "  - { schema: shop/v1/order.avsc, topic: Shop.v1 }\n  - { schema: shop/order.proto, topic: shop }\n",
			map[string]string{"shop/v1/order.avsc": orderAvro, "shop/order.proto": strings.Replace(orderProto, "package shop2;", "package shop2;\noption go_package = \"x/y;other\";", 1)},
			"would be of package"},
		{"folders that use each other", "  - { schema: a/x.avsc, topic: t }\n", map[string]string{
			"a/x.avsc": `{"type":"record","name":"a.X","fields":[{"name":"y","type":"b.Y"}]}`,
			"b/y.avsc": `{"type":"record","name":"b.Y","fields":[{"name":"z","type":"a.Z"}]}`,
			"a/z.avsc": `{"type":"record","name":"a.Z","fields":[]}`,
		}, "the Go packages of the folders a → b → a would import each other"},
		{"a file with only a name", "  - { schema: a/x.avsc, topic: t }\n", map[string]string{"a/x.avsc": `"shop.Order"`, "shop/order.avsc": orderAvro},
			"event shop.Order on topic t: a/x.avsc only names a record"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := all(t, tt.settings, tt.files)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("All error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// The same schemas give the same bytes.
func TestAllIsDeterministic(t *testing.T) {
	files := map[string]string{"shop/v1/order.avsc": orderAvro, "pay/v1/order.proto": orderProto}
	settings := "  - { schema: shop/v1/order.avsc, topic: orders, key: id }\n  - { schema: pay/v1/order.proto, topic: payments, key: id }\n"
	first, err := all(t, settings, files)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := all(t, settings, files)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range again {
			if f.Path != first[i].Path || string(f.Data) != string(first[i].Data) {
				t.Fatalf("%s differs between two runs", f.Path)
			}
		}
	}
}

// Whatever schemas, folders, files and topics are called, the Go compiles.
func TestAllCompiles(t *testing.T) {
	t.Parallel()
	record := func(name string) string {
		return `{"type":"record","name":"` + name + `","namespace":"shop","doc":"a\u0000b\ufeffc","fields":[{"name":"id","type":"string"},{"name":"n","type":"int"}]}`
	}
	type input struct{ schema, topic, text string }
	var inputs []input
	for _, name := range []string{"Return", "Package", "Select", "Topic", "Mu", "Key"} {
		inputs = append(inputs, input{"shop/v1/a.avsc", "orders", record(name)})
	}
	for _, dir := range []string{"event", "codec", "binary", "registry", "errors", "error", "string", "e", "m", "import", "type", "main", "init", "context"} {
		inputs = append(inputs, input{dir + "/a.avsc", "orders", record("Placed")})
	}
	for _, file := range []string{"install_android", "_a", "a_arm", "a_test", "a_linux_amd64"} {
		inputs = append(inputs, input{"shop/" + file + ".avsc", "orders", record("Placed")}, input{"shop/" + file + ".x.proto", "orders", strings.ReplaceAll(orderProto, "string id", "int32 n = 2; string id")})
	}
	for _, topic := range []string{"import", "type", "main", "init", "context", "go"} {
		inputs = append(inputs, input{"shop/a.avsc", topic, record("Placed")})
	}
	for _, in := range inputs {
		for _, key := range []string{"id", "n"} {
			files, err := all(t, "  - { schema: "+in.schema+", topic: "+in.topic+", key: "+key+" }\n", map[string]string{in.schema: in.text})
			if err == nil {
				err = compiles(files)
			}
			if err != nil {
				t.Errorf("%s on topic %s by %s: %v\n%s", in.schema, in.topic, key, err, in.text)
			}
		}
	}
}

// Two packages of one name are told apart on a topic.
func TestAllWithPackagesOfOneName(t *testing.T) {
	t.Parallel()
	files, err := all(t, "  - { schema: shop/events/a.avsc, topic: t }\n  - { schema: pay/events/b.avsc, topic: t }\n",
		map[string]string{"shop/events/a.avsc": orderAvro, "pay/events/b.avsc": strings.ReplaceAll(orderAvro, "Order", "Paid")})
	if err == nil {
		err = compiles(files)
	}
	if err != nil {
		t.Error(err)
	}
}

// Packages whose names are those of variables, and names that protoc-gen-go gives
// to something else too.
func TestProtobufCompiles(t *testing.T) {
	t.Parallel()
	const order = `syntax = "proto3"; package shop2;
import "%/d.proto";
message Order {
	string id = 1; string string = 2; string reset = 3; string get_id = 4;
	dd.D d = 5; repeated dd.D ds = 6; map<string, dd.D> m = 7; map<bool, dd.E> me = 8; repeated dd.E es = 9; dd.E e = 10;
	oneof o { dd.D od = 11; dd.E oe = 12; string foo_type = 13; }
	message Foo {}
}`
	const dep = `syntax = "proto3"; package dd; message D { string id = 1; } enum E { Z = 0; }`
	keys := []string{"id", "string", "reset", "get_id"}
	for i, dir := range []string{
		"at", "data", "depth", "dst", "end", "entry", "err", "i", "inner", "j", "k", "list", "n", "ok", "out", "start", "tag", "u", "v", "w",
		"import", "string", "slices", "math", "proto", "lang",
	} {
		key := keys[i%len(keys)]
		files, err := all(t, "  - { schema: shop/a.proto, message: shop2.Order, topic: orders, key: "+key+" }\n",
			map[string]string{"shop/a.proto": strings.ReplaceAll(order, "%", dir), dir + "/d.proto": dep})
		if err == nil {
			err = compiles(files)
		}
		if err != nil {
			t.Errorf("package %s, key %s: %v", dir, key, err)
		}
	}
}

// The hybrid API has a second file with the same types, for another build.
func TestEveryAPICompiles(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"OPEN", "HYBRID", "OPAQUE"} {
		text := `edition = "2023"; package a; import "google/protobuf/go_features.proto"; option features.(pb.go).api_level = API_` + api + `;
message M { string id = 1; string get_id = 2; oneof o { int32 a = 3; M b = 4; } map<string, M> m = 5; }`
		files, err := all(t, "  - { schema: a/x.proto, topic: t, key: get_id }\n", map[string]string{"a/x.proto": text})
		if err == nil {
			err = compiles(files)
		}
		if err != nil {
			t.Errorf("%s: %v", api, err)
		}
	}
}

// Each file draws in both of the level below: there are 2^20 ways down, and 40 texts.
func TestAllWithManyWaysToOneFile(t *testing.T) {
	t.Parallel()
	const levels = 20
	files := map[string]string{}
	for i := range levels {
		for _, x := range []string{"a", "b"} {
			imports, fields, avroFields := "", "", ""
			if i > 0 {
				imports = fmt.Sprintf(`import "p/a%d.proto"; import "p/b%d.proto";`, i-1, i-1)
				fields = fmt.Sprintf("Ma%d a = 1; Mb%d b = 2;", i-1, i-1)
				avroFields = fmt.Sprintf(`{"name":"a","type":["null","q.Ra%d"]},{"name":"b","type":["null","q.Rb%d"]}`, i-1, i-1)
			}
			files[fmt.Sprintf("p/%s%d.proto", x, i)] = fmt.Sprintf(`syntax = "proto3"; package p; %s message M%s%d { %s }`, imports, x, i, fields)
			files[fmt.Sprintf("q/%s%d.avsc", x, i)] = fmt.Sprintf(`{"type":"record","name":"q.R%s%d","fields":[%s]}`, x, i, avroFields)
		}
	}
	for _, schema := range []string{"p/a19.proto", "q/a19.avsc"} {
		out, err := all(t, "  - { schema: "+schema+", topic: t }\n", files)
		if err == nil {
			err = compiles(out)
		}
		size := 0
		for _, f := range out {
			size += len(f.Data)
		}
		if err != nil || size > 1<<20 {
			t.Errorf("%s: %d bytes of Go, %v", schema, size, err)
		}
	}
}
