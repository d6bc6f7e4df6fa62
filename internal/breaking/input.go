package breaking

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Format is a kind of input.
type Format string

// The kinds of inputs.
const (
	Dir       Format = "dir"
	Git       Format = "git"
	Tar       Format = "tar"
	Zip       Format = "zip"
	Binary    Format = "binpb"
	JSON      Format = "json"
	Text      Format = "txtpb"
	YAML      Format = "yaml"
	ProtoFile Format = "protofile"
	Module    Format = "mod" // of a registry; it cannot be read
)

// An Input says where the files of a side are.
type Input struct {
	Format Format
	Path   string // as it was given; "-" is standard input
	// Compression is "none", "gzip" or "zstd"; of archives and images.
	Compression string
	// Branch, Tag (or a commit) and Ref name a revision of a git repository; at
	// most one of Tag and the others is there.
	Branch, Tag, Ref string
	// Subdir is the folder of a repository or an archive that is the input.
	Subdir string
	// Strip is how many leading elements paths of an archive lose.
	Strip int
	// PackageFiles adds to a single file the others of its package.
	PackageFiles bool
}

// An InputError says what is wrong with the text of an input.
type InputError struct {
	Input string
	Msg   string
}

func (e *InputError) Error() string { return fmt.Sprintf("input %q: %s", e.Input, e.Msg) }

// imageFormats are the kinds that hold compiled files.
func (f Format) isImage() bool { return f == Binary || f == JSON || f == Text || f == YAML }

// ParseInput reads the text of an input: location[#key=value,key=value…]. The
// format follows from the location unless the key format tells it. Whether a
// location is a folder may be looked up relative to dir. The error is an
// [*InputError].
func ParseInput(text, dir string) (Input, error) {
	bad := func(format string, args ...any) (Input, error) {
		return Input{}, &InputError{Input: text, Msg: fmt.Sprintf(format, args...)}
	}
	location, options, hash := strings.Cut(strings.TrimSpace(text), "#")
	location = strings.TrimSpace(location)
	switch {
	case location == "":
		return bad("there is no location; expected location#key=value")
	case hash && strings.TrimSpace(options) == "":
		return bad("there is nothing after #; expected key=value")
	case strings.Contains(options, "#"):
		return bad("there is more than one #")
	}
	in := Input{Path: location}
	if err := in.deduce(dir); err != "" {
		return bad("%s", err)
	}
	depth, seen := false, []string{}
	for pair := range strings.SplitSeq(options, ",") {
		if !hash {
			break
		}
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" || strings.Contains(value, "=") {
			return bad("options %q; expected key=value", options)
		}
		if slices.Contains(seen, key) {
			return bad("key %q is there twice", key)
		}
		seen = append(seen, key)
		depth = depth || key == "depth" || key == "recurse_submodules" && value == "true"
		if msg := in.set(key, value); msg != "" {
			return bad("%s", msg)
		}
	}
	if msg := in.check(depth); msg != "" {
		return bad("%s", msg)
	}
	return in, nil
}

// deduce sets the format and the compression by the location.
func (in *Input) deduce(dir string) string {
	if in.Path == "-" || strings.HasPrefix(in.Path, "/dev/") {
		in.Format = Binary
		return ""
	}
	name := in.Path
	switch ext := path.Ext(name); ext {
	case ".gz":
		in.Compression, name = "gzip", strings.TrimSuffix(name, ext)
	case ".zst":
		in.Compression, name = "zstd", strings.TrimSuffix(name, ext)
	case ".tgz":
		in.Compression, name = "gzip", strings.TrimSuffix(name, ext)+".tar"
	}
	switch path.Ext(name) {
	case ".bin", ".binpb":
		in.Format = Binary
	case ".json":
		in.Format = JSON
	case ".txtpb":
		in.Format = Text
	case ".yaml":
		in.Format = YAML
	case ".tar":
		in.Format = Tar
	case ".zip":
		in.Format = Zip
	case ".git":
		in.Format = Git
	case ".proto":
		in.Format = ProtoFile
		if isDir(in.Path, dir) {
			in.Format = Dir
		}
	default:
		in.Format = Dir
		if looksLikeModule(in.Path) && !isDir(in.Path, dir) {
			in.Format = Module
		}
	}
	if in.Compression != "" && (in.Format == Dir || in.Format == Git || in.Format == Zip || in.Format == ProtoFile || in.Format == Module) {
		return "a compressed file of unknown format; expected an image or a tar archive"
	}
	return ""
}

func isDir(location, dir string) bool {
	if !filepath.IsAbs(location) {
		location = filepath.Join(dir, location)
	}
	info, err := os.Stat(location)
	return err == nil && info.IsDir()
}

// looksLikeModule reports whether a location has the form host/owner/name[:label]
// with a host that has a dot in it.
func looksLikeModule(location string) bool {
	parts := strings.Split(location, "/")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return false
	}
	host := parts[0]
	return strings.Contains(host, ".") && strings.Trim(host, ".") == host && !strings.ContainsAny(host, " \t")
}

// set takes a key; the answer is what is wrong with it, or nothing.
func (in *Input) set(key, value string) string {
	switch key {
	case "format":
		return in.setFormat(value)
	case "compression":
		if value != "none" && value != "gzip" && value != "zstd" {
			return fmt.Sprintf("compression is %q; expected none, gzip or zstd", value)
		}
		in.Compression = value
	case "branch":
		in.Branch = value
	case "tag", "commit":
		if in.Tag != "" {
			return "both tag and commit are set; expected one of them"
		}
		in.Tag = value
	case "ref":
		in.Ref = value
	case "filter": // of a partial clone; nothing is cloned
	case "depth":
		if n, err := strconv.ParseUint(value, 10, 32); err != nil || n == 0 {
			return fmt.Sprintf("depth is %q; expected a number above 0", value)
		}
	case "recurse_submodules":
		if value != "true" && value != "false" {
			return fmt.Sprintf("recurse_submodules is %q; expected true or false", value)
		}
	case "strip_components":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return fmt.Sprintf("strip_components is %q; expected a number", value)
		}
		in.Strip = int(n)
	case "subdir":
		clean := path.Clean(value)
		if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
			return fmt.Sprintf("subdir is %q; expected a folder inside the input", value)
		}
		if clean != "." {
			in.Subdir = clean
		}
	case "include_package_files":
		if value != "true" && value != "false" {
			return fmt.Sprintf("include_package_files is %q; expected true or false", value)
		}
		in.PackageFiles = value == "true"
	case "use_proto_names", "use_enum_numbers": // of images that are written
	default:
		return fmt.Sprintf("there is no key %q", key)
	}
	return ""
}

func (in *Input) setFormat(value string) string {
	switch f := Format(value); f {
	case Dir, Git, Tar, Zip, Binary, JSON, Text, YAML, ProtoFile, Module:
		in.Format = f
		return ""
	}
	switch value { // the old names
	case "bin":
		in.Format = Binary
	case "bingz":
		in.Format, in.Compression = Binary, "gzip"
	case "jsongz":
		in.Format, in.Compression = JSON, "gzip"
	case "targz":
		in.Format, in.Compression = Tar, "gzip"
	default:
		return fmt.Sprintf("format is %q; expected dir, git, tar, zip, binpb, json, txtpb, yaml or protofile", value)
	}
	return ""
}

// check tells which keys do not belong to the format.
func (in *Input) check(depth bool) string {
	git := in.Branch != "" || in.Tag != "" || in.Ref != "" || depth
	switch {
	case git && in.Format != Git:
		return fmt.Sprintf("branch, tag, commit, ref, depth and recurse_submodules are of git; this is %s", in.Format)
	case in.Branch != "" && in.Tag != "":
		return "both branch and tag or commit are set; expected one of them"
	case in.Ref != "" && in.Tag != "":
		return "both ref and tag or commit are set; expected one of them"
	case in.Strip > 0 && in.Format != Tar && in.Format != Zip:
		return fmt.Sprintf("strip_components is of archives; this is %s", in.Format)
	case in.Format == Zip && in.Compression != "":
		return "compression is not of zip archives"
	case in.Compression != "" && in.Format != Tar && !in.Format.isImage():
		return fmt.Sprintf("compression is of archives and images; this is %s", in.Format)
	case in.Subdir != "" && in.Format != Tar && in.Format != Zip && in.Format != Git:
		return fmt.Sprintf("subdir is of archives and git; this is %s", in.Format)
	case in.PackageFiles && in.Format != ProtoFile:
		return fmt.Sprintf("include_package_files is of single files; this is %s", in.Format)
	}
	return ""
}
