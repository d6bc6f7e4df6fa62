package bufgen_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
)

// The program of the test is also its plugins.
func TestMain(m *testing.M) {
	if mode := os.Getenv("BUFGEN_TEST_PLUGIN"); mode != "" {
		if err := bePlugin(mode, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bePlugin answers a request. The mode dump prints it, the others make mistakes.
func bePlugin(mode string, stdin io.Reader, stdout io.Writer) error {
	in, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	req := &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(in, req); err != nil {
		return err
	}
	resp := &pluginpb.CodeGeneratorResponse{
		SupportedFeatures: proto.Uint64(3), MinimumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_PROTO2)),
		MaximumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_2024)),
	}
	file := &pluginpb.CodeGeneratorResponse_File{Name: proto.String("a.txt"), Content: proto.String("text")}
	switch mode {
	case "dump":
		file = dumped(req, in)
	case "exit":
		return errors.New("I do not like it")
	case "error":
		resp.Error = proto.String("a mistake in the file")
	case "garbage":
		_, err := stdout.Write([]byte("\xff\xff\xff\xff"))
		return err
	case "plain":
		resp.SupportedFeatures, resp.MinimumEdition, resp.MaximumEdition = nil, nil, nil
	case "old":
		resp.MaximumEdition = proto.Int32(int32(descriptorpb.Edition_EDITION_PROTO3))
	case "norange":
		resp.MaximumEdition = nil
	case "absolute":
		file.Name = proto.String("/tmp/a.txt")
	case "nameless":
		file.Name = nil
	case "nothere":
		file.InsertionPoint = proto.String("there")
	}
	resp.File = append(resp.File, file)
	out, err := proto.Marshal(resp)
	if err == nil {
		_, err = stdout.Write(out)
	}
	return err
}

// dumped is a file with the digest of a request and the request as text, or what
// the parameter wants to be inserted.
func dumped(req *pluginpb.CodeGeneratorRequest, in []byte) *pluginpb.CodeGeneratorResponse_File {
	if into, ok := strings.CutPrefix(req.GetParameter(), "insert="); ok {
		return &pluginpb.CodeGeneratorResponse_File{Name: proto.String(into), InsertionPoint: proto.String("here"), Content: proto.String("one\n two\n")}
	}
	name := strings.ReplaceAll(req.GetFileToGenerate()[0], "/", "_")
	text := fmt.Sprintf("%x\n  // @@protoc_insertion_point(here)\n%s", sha256.Sum256(in),
		prototext.MarshalOptions{Multiline: true, EmitUnknown: true, AllowPartial: true}.Format(req))
	return &pluginpb.CodeGeneratorResponse_File{Name: proto.String(name + ".request"), Content: proto.String(text)}
}

// shop is a tree with all that plugins may not understand.
var shop = map[string]string{
	"buf.yaml":      "version: v2\n",
	"a.proto":       "syntax = \"proto3\";\npackage a;\noption go_package = \"example.com/a\";\nmessage A { optional string id = 1; }\n",
	"new/new.proto": "edition = \"2023\";\npackage new;\noption go_package = \"example.com/new\";\nmessage New { string id = 1; }\n",
}

// Whatever a plugin does wrong is told with its place in the template, and then
// nothing is written.
func TestPluginMistakes(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, tt := range []struct{ mode, want string }{
		{"exit", "exit status 3"},
		{"error", "a mistake in the file"},
		{"garbage", "what it printed on standard output is no CodeGeneratorResponse"},
		{"plain", "it does not support editions, and new/new.proto has edition 2023"},
		{"old", "it does not support edition 2023, which new/new.proto has"},
		{"norange", "which is no range"},
		{"absolute", `it wants to write "/tmp/a.txt", which is not inside its folder`},
		{"nameless", "a generated file has no name"},
		{"nothere", "it inserts into a.txt, which no plugin before it generated"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			dir := written(t, shop)
			var stderr bytes.Buffer
			_, err := bufgen.Run(t.Context(), bufgen.Options{Dir: dir, Stderr: &stderr, Gen: template(t,
				"version: v2\nplugins:\n  - {local: protoc-gen-go, out: gen}\n  - {local: "+selfPlugin(t, bin, tt.mode)+", out: gen, strategy: all}\n")})
			var plugin *bufgen.PluginError
			if !errors.As(err, &plugin) || plugin.At != "buf.gen.yaml:4:13" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want an error of the plugin at buf.gen.yaml:4:13 with %q", err, tt.want)
			}
			if tt.mode == "exit" && stderr.String() != "I do not like it\n" {
				t.Errorf("its standard error was passed on as %q", stderr.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "gen")); err == nil {
				t.Error("something was written")
			}
		})
	}
}

// A plugin that does not say that it knows optional fields is warned about.
func TestPluginWithoutOptional(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{"a.proto": shop["a.proto"]})
	result, err := bufgen.Run(t.Context(), bufgen.Options{Dir: dir, Gen: template(t, "version: v2\nplugins: [{local: "+selfPlugin(t, t.TempDir(), "plain")+", out: gen}]\n")})
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "optional fields of proto3, which a.proto has") {
		t.Errorf("Run = %+v, %v, want a warning", result, err)
	}
}

// started cancels a run once its plugin says something.
type started struct{ cancel func() }

func (s started) Write(p []byte) (int, error) {
	s.cancel()
	return len(p), nil
}

// A plugin that does not end is ended with the run.
func TestPluginIsEnded(t *testing.T) {
	t.Parallel()
	dir := written(t, shop)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	endless := script(t, t.TempDir(), "protoc-gen-endless", "echo started >&2; exec tail -f /dev/null")
	_, err := bufgen.Run(ctx, bufgen.Options{Dir: dir, Stderr: started{cancel}, Gen: template(t, "version: v2\nplugins: [{local: "+endless+", out: gen}]\n")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want that it was cancelled", err)
	}
}

// template reads a buf.gen.yaml.
func template(t *testing.T, text string) *bufconfig.Gen {
	t.Helper()
	gen, err := bufconfig.ParseGen("buf.gen.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return gen
}
