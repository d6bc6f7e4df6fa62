package breaking_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/breaking"
)

func TestParseInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"odd.proto", "buf.build/acme/here"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]breaking.Input{
		".":                                  {Format: breaking.Dir, Path: "."},
		"proto":                              {Format: breaking.Dir, Path: "proto"},
		"odd.proto":                          {Format: breaking.Dir, Path: "odd.proto"},
		"a/b.proto":                          {Format: breaking.ProtoFile, Path: "a/b.proto"},
		"buf.build/acme/here":                {Format: breaking.Dir, Path: "buf.build/acme/here"},
		"buf.build/acme/pets:v1":             {Format: breaking.Module, Path: "buf.build/acme/pets:v1"},
		"a/b/c":                              {Format: breaking.Dir, Path: "a/b/c"},
		"-":                                  {Format: breaking.Binary, Path: "-"},
		"-#format=json":                      {Format: breaking.JSON, Path: "-"},
		"x.binpb":                            {Format: breaking.Binary, Path: "x.binpb"},
		"x.bin.gz":                           {Format: breaking.Binary, Path: "x.bin.gz", Compression: "gzip"},
		"x.txtpb.zst":                        {Format: breaking.Text, Path: "x.txtpb.zst", Compression: "zstd"},
		"x.yaml":                             {Format: breaking.YAML, Path: "x.yaml"},
		"x#format=bingz":                     {Format: breaking.Binary, Path: "x", Compression: "gzip"},
		"x.tgz#strip_components=1":           {Format: breaking.Tar, Path: "x.tgz", Compression: "gzip", Strip: 1},
		"x.tar.zst#subdir=a/./b":             {Format: breaking.Tar, Path: "x.tar.zst", Compression: "zstd", Subdir: "a/b"},
		"x.zip#subdir=.":                     {Format: breaking.Zip, Path: "x.zip"},
		".git#branch=main":                   {Format: breaking.Git, Path: ".git", Branch: "main"},
		".git#tag=v1,subdir=proto":           {Format: breaking.Git, Path: ".git", Tag: "v1", Subdir: "proto"},
		".git#commit=abc,depth=3":            {Format: breaking.Git, Path: ".git", Tag: "abc"},
		".git#branch=b,ref=b~1":              {Format: breaking.Git, Path: ".git", Branch: "b", Ref: "b~1"},
		" .#format=git ":                     {Format: breaking.Git, Path: "."},
		"a.proto#include_package_files=true": {Format: breaking.ProtoFile, Path: "a.proto", PackageFiles: true},
	} {
		got, err := breaking.ParseInput(text, dir)
		if err != nil {
			t.Errorf("ParseInput(%q): %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseInput(%q): %s", text, diff)
		}
	}
}

func TestParseInputMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "there is no location",
		"#a=b":                         "there is no location",
		"x#":                           "nothing after #",
		"x#a=b#c=d":                    "more than one #",
		"x#a":                          "expected key=value",
		"x#a=b=c":                      "expected key=value",
		".git#branch=a,branch=b":       `key "branch" is there twice`,
		"x#color=red":                  `there is no key "color"`,
		"x.gz":                         "a compressed file of unknown format",
		"x#branch=main":                "are of git; this is dir",
		".git#branch=a,tag=b":          "both branch and tag",
		".git#ref=a,tag=b":             "both ref and tag",
		".git#depth=0":                 "expected a number above 0",
		"x.zip#compression=gzip":       "not of zip archives",
		"x#compression=gzip":           "compression is of archives and images",
		"x.tar#compression=lzma":       "expected none, gzip or zstd",
		"x#subdir=y":                   "subdir is of archives and git",
		".git#subdir=../y":             "expected a folder inside the input",
		"x#strip_components=1":         "strip_components is of archives",
		"x#include_package_files=true": "include_package_files is of single files",
		"x#format=tgz":                 "expected dir, git",
	} {
		_, err := breaking.ParseInput(text, "")
		if wrong := new(breaking.InputError); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseInput(%q) = %v, want %q", text, err, want)
		}
	}
}

func FuzzParseInput(f *testing.F) {
	for _, text := range []string{".git#branch=main,subdir=a", "x.tar.gz#strip_components=2", "-#format=json,compression=gzip", "a/b.proto"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := breaking.ParseInput(text, t.TempDir())
		if err == nil && (in.Path == "" || in.Format == "" || strings.HasPrefix(in.Subdir, "..")) {
			t.Errorf("ParseInput(%q) = %+v", text, in)
		}
	})
}
