package bufgen

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// protoc runs a plugin that comes with protoc: it gets the descriptors, and writes
// into a folder of its own, which is read back.
func (r *run) protoc(stderr io.Writer, name, path string, args ...string) program {
	return func(ctx context.Context, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
		dir, err := os.MkdirTemp("", "wireproof-protoc-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		in, err := marshal(&descriptorpb.FileDescriptorSet{File: asWritten(req)})
		if err != nil {
			return nil, err
		}
		args := append(slices.Clone(args), "--descriptor_set_in=/dev/stdin", fmt.Sprintf("--%s_out=%s", name, dir))
		if req.GetParameter() != "" {
			args = append(args, fmt.Sprintf("--%s_opt=%s", name, req.GetParameter()))
		}
		if _, err := r.exec(ctx, in, stderr, path, append(args, req.GetFileToGenerate()...)...); err != nil {
			return nil, err
		}
		// protoc itself refuses what it does not support.
		response := &pluginpb.CodeGeneratorResponse{
			SupportedFeatures: proto.Uint64(uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL | pluginpb.CodeGeneratorResponse_FEATURE_SUPPORTS_EDITIONS)),
			MinimumEdition:    proto.Int32(int32(descriptorpb.Edition_EDITION_PROTO2)),
			MaximumEdition:    proto.Int32(int32(descriptorpb.Edition_EDITION_MAX)),
		}
		files := os.DirFS(dir)
		err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(files, p)
			response.File = append(response.File, &pluginpb.CodeGeneratorResponse_File{Name: proto.String(p), Content: proto.String(string(data))})
			return err
		})
		return response, err
	}
}

// asWritten returns the files of a request, those to generate for with the options
// of the source.
func asWritten(req *pluginpb.CodeGeneratorRequest) []*descriptorpb.FileDescriptorProto {
	source := map[string]*descriptorpb.FileDescriptorProto{}
	for _, f := range req.GetSourceFileDescriptors() {
		source[f.GetName()] = f
	}
	files := slices.Clone(req.GetProtoFile())
	for i, f := range files {
		if s := source[f.GetName()]; s != nil {
			files[i] = s
		}
	}
	return files
}
