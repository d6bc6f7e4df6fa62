package gate

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// A bundle is a zip archive of the settings and the schemas that events use: a
// baseline that can be carried to where there is neither git nor a registry.

// maxBundle bounds a bundle that is read into memory, packed and unpacked.
const maxBundle = 256 << 20

// WriteBundle writes files by path. The same files give the same bytes.
func WriteBundle(w io.Writer, files map[string]string) error {
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, files[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

// A Bundle is what was read: a tree with settings, or descriptors.
type Bundle struct {
	Tree  fs.FS                  // nil if it holds descriptors
	Files map[string]lang.Source // by import path, if it holds descriptors
}

// ReadBundle reads what [WriteBundle] wrote, or a FileDescriptorSet in binary or
// JSON, which is what Buf calls an image.
func ReadBundle(r io.Reader) (*Bundle, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBundle+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBundle {
		return nil, fmt.Errorf("it is larger than the %d bytes that a bundle may have", maxBundle)
	}
	if bytes.HasPrefix(data, []byte("PK")) {
		return readZip(data)
	}
	var set descriptorpb.FileDescriptorSet
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		err = protojson.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}.Unmarshal(data, &set)
	} else {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(data, &set)
	}
	if err != nil || len(set.GetFile()) == 0 {
		return nil, fmt.Errorf("it is neither a bundle nor a set of file descriptors (%w)", cmp.Or(err, errors.New("it holds no file")))
	}
	return imageFiles(&set)
}

func readZip(data []byte) (*Bundle, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("it is no bundle: %w", err)
	}
	var size uint64
	for _, f := range z.File {
		if size += f.UncompressedSize64; size > maxBundle {
			return nil, fmt.Errorf("unpacked it is larger than the %d bytes that a bundle may have", maxBundle)
		}
	}
	return &Bundle{Tree: z}, nil
}

// imageFiles makes a source of each file, with what it imports.
func imageFiles(set *descriptorpb.FileDescriptorSet) (*Bundle, error) {
	b := &Bundle{Files: map[string]lang.Source{}}
	for _, fd := range set.GetFile() { // each after what it imports
		// Descriptors of files need not hold source info, and may be large with it.
		fd.SourceCodeInfo = nil
		raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(fd)
		if err != nil {
			return nil, err
		}
		src := lang.Source{Type: lang.Protobuf, Path: fd.GetName(), Text: base64.StdEncoding.EncodeToString(raw)}
		for _, name := range fd.GetDependency() {
			if dep, ok := b.Files[name]; ok {
				src.References = append(src.References, lang.Reference{Name: name, Subject: name, Source: &dep})
			}
		}
		b.Files[fd.GetName()] = src
	}
	return b, nil
}
