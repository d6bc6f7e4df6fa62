package bufgen

import (
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"
	"slices"

	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/gofeaturespb"
	"google.golang.org/protobuf/types/pluginpb"
)

// protocGenGo is the program protoc-gen-go, in process. Like that program, it
// knows no extensions but Go's own features, whatever else this program links.
func protocGenGo(_ context.Context, req *pluginpb.CodeGeneratorRequest) (response *pluginpb.CodeGeneratorResponse, err error) {
	// A mistake in the generator is one of the plugin, which a process would end
	// with.
	defer func() {
		if r := recover(); r != nil {
			response, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	known := new(protoregistry.Types)
	if err := known.RegisterExtension(gofeaturespb.E_Go); err != nil {
		return nil, err
	}
	in, err := marshal(req)
	if err != nil {
		return nil, err
	}
	own := &pluginpb.CodeGeneratorRequest{} // protogen writes into what it is given
	if err := (proto.UnmarshalOptions{Resolver: known}).Unmarshal(in, own); err != nil {
		return nil, err
	}
	var flags flag.FlagSet
	plugins := flags.String("plugins", "", "")
	strip := flags.Bool("experimental_strip_nonfunctional_codegen", false, "")
	gen, err := protogen.Options{ParamFunc: flags.Set, InternalStripForEditionsDiff: strip}.New(own)
	if err != nil {
		return nil, err
	}
	if *plugins != "" {
		return nil, errors.New("the option plugins is not supported; protoc-gen-go-grpc is a plugin of its own")
	}
	for _, f := range gen.Files {
		if f.Generate {
			internal_gengo.GenerateFile(gen, f)
		}
	}
	gen.SupportedFeatures = internal_gengo.SupportedFeatures
	gen.SupportedEditionsMinimum = internal_gengo.SupportedEditionsMinimum
	gen.SupportedEditionsMaximum = internal_gengo.SupportedEditionsMaximum
	return gen.Response(), nil
}

// protobufModule is the module that has protoc-gen-go.
const protobufModule = "google.golang.org/protobuf"

// otherGenGo compares the protoc-gen-go in PATH, if there is one, with that of this
// program: it returns both versions, and false if they are the same or not known.
func otherGenGo(dir string) (there, here string, differ bool) {
	path, err := lookPath(dir, "protoc-gen-go")
	if err != nil {
		return "", "", false
	}
	other, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", "", false
	}
	own, ok := debug.ReadBuildInfo()
	if !ok {
		return "", "", false
	}
	there, here = versionOf(other, protobufModule), versionOf(own, protobufModule)
	return there, here, there != "" && here != "" && there != here
}

// versionOf returns the version of a module in a program, or nothing.
func versionOf(info *debug.BuildInfo, module string) string {
	for _, m := range append(slices.Clone(info.Deps), &info.Main) {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}
