package bufgen

import (
	"path"
	"runtime/debug"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func TestIsVersioned(t *testing.T) {
	t.Parallel()
	for pkg, want := range map[string]bool{
		"a.v1": true, "a.b.v12": true, "a.v1beta1": true, "a.v1alpha": true, "a.v1p1beta2": true, "a.v1test": true, "a.v1testfoo": true,
		"v1": false, "a.v0": false, "a.v": false, "a.v1beta0": false, "a.v1p0alpha": false, "a.vtest": false, "a.v1alphabeta": false,
		"a.v1p1": false, "a.w1": false, "a.v1.b": false, "": false, "a.v99999999999": false,
	} {
		if got := isVersioned(pkg); got != want {
			t.Errorf("isVersioned(%q) = %v", pkg, got)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ pkg, csharp, php, ruby, objc, goPackage string }{
		{"acme.weather_map.v1", "Acme.WeatherMap.V1", `Acme\WeatherMap\V1`, "Acme::WeatherMap::V1", "AWX", "x/dir;weather_mapv1"},
		{"acme.class", "Acme.Class", `Acme\Class_`, "Acme::Class", "ACX", "x/dir"},
		{"google.pub.buf.v1", "Google.Pub.Buf.V1", `Google\Pub\Buf\V1`, "Google::Pub::Buf::V1", "GPX", "x/dir;bufv1"},
		{"oneTwo.HTTP", "OneTwo.HTTP", `OneTwo\HTTP`, "OneTwo::HTTP", "OHX", "x/dir"},
		{"", "", "", "", "", "x/dir"},
	} {
		f := &descriptorpb.FileDescriptorProto{Name: proto.String("dir/order_placed.v2.proto"), Package: proto.String(tt.pkg)}
		for _, got := range [][2]string{
			{csharpNamespace(f), tt.csharp}, {phpNamespace(f), tt.php}, {rubyPackage(f), tt.ruby}, {objcClassPrefix(f), tt.objc},
			{goPackage(f, affixes{prefix: "x"}), tt.goPackage}, {javaOuterClassname(f), "OrderPlacedV2Proto"},
		} {
			if got[0] != got[1] {
				t.Errorf("package %q: got %q, want %q", tt.pkg, got[0], got[1])
			}
		}
	}
}

func TestInsert(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, content, want string }{
		{"a\n  // @@protoc_insertion_point(p)\nb\n", "x\n y\n", "a\n  x\n   y\n  // @@protoc_insertion_point(p)\nb"},
		{"// @@protoc_insertion_point(p)", "x", "x\n// @@protoc_insertion_point(p)"},
		{"\t@@protoc_insertion_point(p)\r\n@@protoc_insertion_point(p)\r\n", "x\r\n", "\tx\n\t@@protoc_insertion_point(p)\nx\n@@protoc_insertion_point(p)"},
		{"// @@protoc_insertion_point(q)\n", "x", ""},
	} {
		got, ok := insert(tt.text, &pluginpb.CodeGeneratorResponse_File{InsertionPoint: proto.String("p"), Content: proto.String(tt.content)})
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("insert(%q, %q) = %q, %v, want %q", tt.text, tt.content, got, ok, tt.want)
		}
	}
}

func TestFieldOptionsLength(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path []int32
		want int
	}{
		{[]int32{4, 0, 2, 1, 8}, 5}, {[]int32{4, 0, 2, 1, 8, 6}, 5}, {[]int32{4, 0, 3, 2, 3, 1, 6, 0, 8, 50000, 1}, 9}, {[]int32{7, 3, 8, 6}, 3},
		{nil, 0}, {[]int32{8, 11}, 0}, {[]int32{4, 0, 7, 1}, 0}, {[]int32{4, 0, 2, 1, 3}, 0}, {[]int32{4, 0, 2, 1}, 0}, {[]int32{4, 8}, 0},
		{[]int32{4, 0, 8, 0, 8}, 0}, {[]int32{5, 0, 2, 1, 8}, 0},
	} {
		if got := fieldOptionsLength(tt.path); got != tt.want {
			t.Errorf("fieldOptionsLength(%v) = %d, want %d", tt.path, got, tt.want)
		}
	}
}

func TestIsWellKnown(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"google/protobuf/any.proto": true, "google/protobuf/compiler/plugin.proto": true, "google/protobuf/other.proto": false,
		"google/protobuf/any": false, "google/type/money.proto": false, "google/protobuf/.proto": false, "google/protobuf/any api.proto": false,
	} {
		if got := isWellKnown(path); got != want {
			t.Errorf("isWellKnown(%q) = %v", path, got)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	own := debug.Module{Path: protobufModule, Version: "v1.2.3"}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3": {Main: own}, "v1.2.4": {Main: debug.Module{Path: "example.com/x", Version: "v1"}, Deps: []*debug.Module{{Path: protobufModule, Version: "v1.2.4"}}},
		"": {Main: debug.Module{Path: "example.com/x", Version: "v1"}},
	} {
		if got := versionOf(info, protobufModule); got != want {
			t.Errorf("versionOf(%v) = %q, want %q", info, got, want)
		}
	}
}

// Whatever a plugin answers, what is written stays inside its folder.
func FuzzAnswer(f *testing.F) {
	add := func(files ...*pluginpb.CodeGeneratorResponse_File) {
		wire, err := proto.Marshal(&pluginpb.CodeGeneratorResponse{File: files})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	file := func(name string) *pluginpb.CodeGeneratorResponse_File {
		return &pluginpb.CodeGeneratorResponse_File{Name: proto.String(name), Content: proto.String("x")}
	}
	add(file("a/b.go"), file(""), file("./c//d.go"))
	add(file("../a"), file("/a"))
	add(file(`a\..\..\b`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		resp := &pluginpb.CodeGeneratorResponse{}
		if proto.Unmarshal(wire, resp) != nil {
			return
		}
		files, err := named(resp.GetFile())
		if err != nil {
			return
		}
		for _, f := range files {
			name := f.GetName()
			if name == "" || path.Clean(name) != name || path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || strings.Contains(name, `\`) {
				t.Errorf("%q is written", name)
			}
		}
	})
}
