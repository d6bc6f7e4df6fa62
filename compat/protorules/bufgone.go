package protorules

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func fileGone(w *bufWalk, r *rule.Rule, old *protobuf.ImageFile) {
	if w.newer.File(old.Path) == nil {
		w.report(r, nil, protobuf.Anchor{}, start(old), "no such file", "the file",
			`Previously present file %q was deleted.`, old.Path)
	}
}

// packageGone reports a package at the first of its files.
func packageGone(w *bufWalk, r *rule.Rule, old *protobuf.ImageFile) {
	pkg := old.Descriptor.Package()
	if w.newer.Package(pkg) != nil || w.older.Package(pkg) != old {
		return
	}
	w.report(r, nil, protobuf.Anchor{}, start(old), "no such package", "the package",
		`Previously present package %q was deleted.`, pkg)
}

// goneFromFile reports an element that its file no longer has, if the file is
// still there.
func goneFromFile(w *bufWalk, r *rule.Rule, old protoreflect.Descriptor) {
	now := w.newer.File(w.older.FileOf(old).Path)
	name := nestedName(old)
	if now == nil || findIn(w.newer, now, name, kindOf(old)) != nil {
		return
	}
	w.report(r, old, w.whereGone(now, old, name), whole(w.older, old), "no "+string(kindOf(old))+" "+name+" here", "was declared",
		`Previously present %s %q was deleted from file.`, kindOf(old), name)
}

// goneFromPackage reports an element that no file of its package has, if the
// package is still there.
func goneFromPackage(w *bufWalk, r *rule.Rule, old protoreflect.Descriptor) {
	pkg := old.ParentFile().Package()
	if w.newer.Package(pkg) == nil {
		return
	}
	if d := w.newer.Find(old.FullName()); d != nil && kindOf(d) == kindOf(old) && d.ParentFile().Package() == pkg {
		return
	}
	name := nestedName(old)
	var at protobuf.Anchor
	if now := w.newer.File(w.older.FileOf(old).Path); now != nil {
		at = w.whereGone(now, old, name)
	}
	w.report(r, old, at, whole(w.older, old), "no "+string(kindOf(old))+" "+name+" in the package", "was declared",
		`Previously present %s %q was deleted from package %q.`, kindOf(old), name, pkg)
}

// findIn returns the element with a name below the package of a file, if it is of
// a kind and the file declares it.
func findIn(im *protobuf.Image, f *protobuf.ImageFile, name string, k kind) protoreflect.Descriptor {
	full := protoreflect.FullName(name)
	if pkg := f.Descriptor.Package(); pkg != "" {
		full = pkg + "." + full
	}
	if d := im.Find(full); d != nil && kindOf(d) == k && im.FileOf(d) == f {
		return d
	}
	return nil
}

// whereGone is the closest message around an element that the file still has, or
// the file.
func (w *bufWalk) whereGone(now *protobuf.ImageFile, old protoreflect.Descriptor, name string) protobuf.Anchor {
	for kindOf(old) != kindService {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			break
		}
		name = name[:dot]
		if m := findIn(w.newer, now, name, kindMessage); m != nil {
			return whole(w.newer, m)
		}
	}
	return start(now)
}
