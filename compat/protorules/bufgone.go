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
		if kindOf(old) == kindMessage { // for these alone Buf looks at the whole package
			at = w.around(name, start(now), func(outer string) protoreflect.Descriptor {
				if m, ok := w.newer.Find(inPackage(pkg, outer)).(protoreflect.MessageDescriptor); ok && m.ParentFile().Package() == pkg {
					return m
				}
				return nil
			})
		}
	}
	w.report(r, old, at, whole(w.older, old), "no "+string(kindOf(old))+" "+name+" in the package", "was declared",
		`Previously present %s %q was deleted from package %q.`, kindOf(old), name, pkg)
}

// findIn returns the element with a name below the package of a file, if it is of
// a kind and the file declares it.
func findIn(im *protobuf.Image, f *protobuf.ImageFile, name string, k kind) protoreflect.Descriptor {
	if d := im.Find(inPackage(f.Descriptor.Package(), name)); d != nil && kindOf(d) == k && im.FileOf(d) == f {
		return d
	}
	return nil
}

func inPackage(pkg protoreflect.FullName, name string) protoreflect.FullName {
	if pkg == "" {
		return protoreflect.FullName(name)
	}
	return pkg + "." + protoreflect.FullName(name)
}

// whereGone is the closest message around an element that the file still has, or
// the file.
func (w *bufWalk) whereGone(now *protobuf.ImageFile, old protoreflect.Descriptor, name string) protobuf.Anchor {
	if kindOf(old) == kindService {
		return start(now)
	}
	return w.around(name, start(now), func(outer string) protoreflect.Descriptor { return findIn(w.newer, now, outer, kindMessage) })
}

// around is the place of the closest message around a name that find knows, or
// otherwise.
func (w *bufWalk) around(name string, otherwise protobuf.Anchor, find func(outer string) protoreflect.Descriptor) protobuf.Anchor {
	for dot := strings.LastIndexByte(name, '.'); dot >= 0; dot = strings.LastIndexByte(name, '.') {
		name = name[:dot]
		if m := find(name); m != nil {
			return whole(w.newer, m)
		}
	}
	return otherwise
}
