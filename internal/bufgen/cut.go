package bufgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// A part says how much of an element is kept.
type part int

const (
	nothingOf part = iota
	around         // a message that holds something that is kept
	implied        // wanted by an option
	whole
	excluded
)

// An element is a message, enum, service, method or extension.
type element struct {
	name   string
	file   *descriptorpb.FileDescriptorProto
	parent *element
	desc   proto.Message
	inside []*element
}

// A cut decides which elements of an image are kept: those that are asked for and
// what they need, without those that are excluded.
type cut struct {
	im       *image
	elements map[string]*element
	// extensions are those of each message, by its name.
	extensions map[string][]*element
	parts      map[*element]part
	// files are the files that are kept, with what they use of others.
	files map[string]map[string]bool
	// all says that nothing is asked for: of an import that is needed, all is kept.
	all bool
}

var errExcluded = errors.New("it is among the excluded types, or in one of them")

// only returns an image with the types that are asked for, or with all if there
// are none, and without those that are excluded.
func (im *image) only(types bufconfig.GenTypes) (*image, error) {
	if len(types.Include)+len(types.Exclude) == 0 {
		return im, nil
	}
	c := &cut{
		im: im, elements: map[string]*element{}, extensions: map[string][]*element{},
		parts: map[*element]part{}, files: map[string]map[string]bool{}, all: len(types.Include) == 0,
	}
	for _, f := range im.files {
		c.index(f)
	}
	if err := c.exclude(types.Exclude); err != nil {
		return nil, err
	}
	if err := c.include(types.Include); err != nil {
		return nil, err
	}
	if err := c.addExtensions(); err != nil {
		return nil, err
	}
	out := &image{target: im.target, runtime: map[string]*descriptorpb.FileDescriptorProto{}}
	for _, f := range im.files {
		if uses := c.files[f.GetName()]; uses != nil {
			out.files = append(out.files, c.rewrite(f, uses))
		}
	}
	if len(out.files) == 0 {
		return im, nil // as Buf has it where everything is excluded
	}
	return out, nil
}

// index notes the elements of a file.
func (c *cut) index(f *descriptorpb.FileDescriptorProto) {
	add := func(parent *element, scope, name string, desc proto.Message) *element {
		e := &element{name: strings.TrimPrefix(scope+"."+name, "."), file: f, parent: parent, desc: desc}
		c.elements[e.name] = e
		if parent != nil {
			parent.inside = append(parent.inside, e)
		}
		return e
	}
	extension := func(parent *element, scope string, x *descriptorpb.FieldDescriptorProto) {
		of := bare(x.GetExtendee())
		c.extensions[of] = append(c.extensions[of], add(parent, scope, x.GetName(), x))
	}
	var message func(parent *element, scope string, m *descriptorpb.DescriptorProto)
	message = func(parent *element, scope string, m *descriptorpb.DescriptorProto) {
		e := add(parent, scope, m.GetName(), m)
		for _, n := range m.GetNestedType() {
			message(e, e.name, n)
		}
		for _, n := range m.GetEnumType() {
			add(e, e.name, n.GetName(), n)
		}
		for _, x := range m.GetExtension() {
			extension(e, e.name, x)
		}
	}
	for _, m := range f.GetMessageType() {
		message(nil, f.GetPackage(), m)
	}
	for _, n := range f.GetEnumType() {
		add(nil, f.GetPackage(), n.GetName(), n)
	}
	for _, x := range f.GetExtension() {
		extension(nil, f.GetPackage(), x)
	}
	for _, s := range f.GetService() {
		e := add(nil, f.GetPackage(), s.GetName(), s)
		for _, m := range s.GetMethod() {
			add(e, e.name, m.GetName(), m)
		}
	}
}

// bare is a name without the dot of a full one.
func bare(name string) string { return strings.TrimPrefix(name, ".") }

// include adds what is asked for; without names, all of the targets.
func (c *cut) include(names []string) error {
	if len(names) == 0 {
		for _, f := range c.im.files {
			if !c.im.target(f.GetName()) {
				continue
			}
			if err := c.addFile(f); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		found, err := c.find(name)
		if err != nil {
			return fmt.Errorf("type %q: %w", name, err)
		}
		if len(found.files) > 0 && !slices.ContainsFunc(found.files, c.isThere) {
			return fmt.Errorf("type %q: %w", name, errExcluded)
		}
		if found.imported {
			return fmt.Errorf("type %q: it is of an imported file; expected one of the input", name)
		}
		for _, f := range found.files {
			if err := c.addFile(f); err != nil {
				return fmt.Errorf("type %q: %w", name, err)
			}
		}
		for _, e := range found.elements {
			if err := c.add(e, nil, whole); err != nil {
				return fmt.Errorf("type %q: %w", name, err)
			}
		}
	}
	return nil
}

func (c *cut) exclude(names []string) error {
	for _, name := range names {
		found, err := c.find(name)
		if err != nil {
			return fmt.Errorf("excluded type %q: %w", name, err)
		}
		for _, e := range found.elements {
			c.drop(e)
		}
		for _, f := range found.files {
			for _, e := range c.top(f) {
				c.drop(e)
			}
			c.files[f.GetName()] = nil
		}
	}
	return nil
}

func (c *cut) drop(e *element) {
	c.parts[e] = excluded
	for _, in := range e.inside {
		c.drop(in)
	}
}

// found is what a name of the settings means.
type found struct {
	elements []*element
	files    []*descriptorpb.FileDescriptorProto
	imported bool
}

// find returns the element with a name, or the files of a package; with .** behind
// the name, those of the packages below it too.
func (c *cut) find(name string) (found, error) {
	name, deep := strings.CutSuffix(name, ".**")
	if strings.Contains(name, "*") {
		return found{}, errors.New("only .** at the end stands for more than one type")
	}
	var out found
	if e := c.elements[name]; e != nil {
		return found{elements: []*element{e}, imported: !c.im.target(e.file.GetName())}, nil
	}
	below := false
	for _, f := range c.im.files {
		pkg := f.GetPackage()
		inside := strings.HasPrefix(pkg, name+".")
		below = below || inside
		if pkg == name || deep && inside {
			out.files = append(out.files, f)
			out.imported = out.imported || !c.im.target(f.GetName())
		}
	}
	switch {
	case len(out.files) > 0:
		return out, nil
	case below:
		return found{}, fmt.Errorf("the package has no types itself; %s.** means those below it", name)
	}
	return found{}, errors.New("there is no such message, enum, service, method, extension or package")
}

// top returns the elements of a file that are in no other.
func (c *cut) top(f *descriptorpb.FileDescriptorProto) []*element {
	var out []*element
	name := func(n string) { out = append(out, c.elements[bare(f.GetPackage()+"."+n)]) }
	for _, m := range f.GetMessageType() {
		name(m.GetName())
	}
	for _, n := range f.GetEnumType() {
		name(n.GetName())
	}
	for _, s := range f.GetService() {
		name(s.GetName())
	}
	for _, x := range f.GetExtension() {
		name(x.GetName())
	}
	return out
}

// isThere reports whether the package of a file is not excluded.
func (c *cut) isThere(f *descriptorpb.FileDescriptorProto) bool {
	uses, ok := c.files[f.GetName()]
	return !ok || uses != nil
}

// addFile adds all of a file that is not excluded.
func (c *cut) addFile(f *descriptorpb.FileDescriptorProto) error {
	if !c.isThere(f) {
		return nil
	}
	c.keep(f)
	for _, e := range c.top(f) {
		if err := c.addAll(e); err != nil {
			return err
		}
	}
	return nil
}

// addAll adds an element and what is declared in it.
func (c *cut) addAll(e *element) error {
	if !c.possible(e) {
		return nil
	}
	// First what is inside: a service by itself leaves out methods that cannot be.
	for _, in := range e.inside {
		if err := c.addAll(in); err != nil {
			return err
		}
	}
	return c.add(e, nil, whole)
}

// possible reports whether nothing excludes an element: an extension goes with what
// it extends, and with its type.
func (c *cut) possible(e *element) bool {
	if c.parts[e] == excluded {
		return false
	}
	x, ok := e.desc.(*descriptorpb.FieldDescriptorProto)
	return !ok || !c.isExcluded(x.GetExtendee()) && !c.isExcluded(x.GetTypeName())
}

func (c *cut) isExcluded(name string) bool {
	e := c.elements[bare(name)]
	return e != nil && c.parts[e] == excluded
}

// keeps reports whether anything of an element is kept.
func (c *cut) keeps(name string) bool {
	e := c.elements[name]
	return c.possible(e) && (c.parts[e] != nothingOf || c.all)
}

// keep notes that a file is kept, and what its options use.
func (c *cut) keep(f *descriptorpb.FileDescriptorProto) {
	if c.files[f.GetName()] == nil {
		c.files[f.GetName()] = map[string]bool{}
		c.options(f.GetOptions(), f)
	}
}

// add adds an element, which user refers to, and what it needs. The part is whole
// or implied.
func (c *cut) add(e *element, user *descriptorpb.FileDescriptorProto, p part) error {
	if c.parts[e] == excluded {
		return errExcluded
	}
	if x, ok := e.desc.(*descriptorpb.FieldDescriptorProto); ok && !c.possible(e) {
		if !c.isExcluded(x.GetExtendee()) {
			c.keep(e.file)
			c.refer(x.GetExtendee(), e.file, p)
		}
		return nil
	}
	if user != nil && user != e.file {
		c.files[user.GetName()][e.file.GetName()] = true
	}
	if have := c.parts[e]; have == whole || have == implied {
		c.parts[e] = max(have, p)
		return nil
	}
	c.parts[e] = p
	c.keep(e.file)
	for outer := e.parent; outer != nil && c.parts[outer] == nothingOf; outer = outer.parent {
		c.parts[outer] = around
		c.options(optionsOf(outer.desc), e.file)
	}
	c.options(optionsOf(e.desc), e.file)
	switch d := e.desc.(type) {
	case *descriptorpb.DescriptorProto:
		c.message(e, d)
	case *descriptorpb.EnumDescriptorProto:
		for _, v := range d.GetValue() {
			c.options(v.GetOptions(), e.file)
		}
	case *descriptorpb.ServiceDescriptorProto:
		for _, m := range e.inside {
			if c.parts[m] != excluded && c.add(m, e.file, p) != nil {
				c.parts[m] = excluded
			}
		}
	case *descriptorpb.MethodDescriptorProto:
		return c.method(e, d, p)
	case *descriptorpb.FieldDescriptorProto:
		c.refer(d.GetExtendee(), e.file, p)
		c.refer(d.GetTypeName(), e.file, whole)
	}
	return nil
}

// refer adds the type with a full name, unless it is excluded.
func (c *cut) refer(name string, user *descriptorpb.FileDescriptorProto, p part) {
	if e := c.elements[bare(name)]; e != nil && c.parts[e] != excluded {
		_ = c.add(e, user, p) // is excluded, or not
	}
}

func (c *cut) message(e *element, d *descriptorpb.DescriptorProto) {
	for _, f := range d.GetField() {
		if !c.isExcluded(f.GetTypeName()) {
			c.refer(f.GetTypeName(), e.file, whole)
			c.options(f.GetOptions(), e.file)
		}
	}
	for _, o := range d.GetOneofDecl() {
		c.options(o.GetOptions(), e.file)
	}
	for _, r := range d.GetExtensionRange() {
		c.options(r.GetOptions(), e.file)
	}
}

// method adds what a method needs. Buf drops the input of a method whose output is
// excluded, even where another method has it; that would be no schema.
func (c *cut) method(e *element, d *descriptorpb.MethodDescriptorProto, p part) error {
	in, out := c.elements[bare(d.GetInputType())], c.elements[bare(d.GetOutputType())]
	if c.parts[in] == excluded {
		return fmt.Errorf("method %s has the input %s, which is excluded; exclude the method too", e.name, in.name)
	}
	if c.parts[out] == excluded {
		return fmt.Errorf("method %s has the output %s, which is excluded; exclude the method too", e.name, out.name)
	}
	return errors.Join(c.add(in, e.file, p), c.add(out, e.file, p))
}

// optionsOf returns the options of an element.
func optionsOf(desc proto.Message) proto.Message {
	m := desc.ProtoReflect()
	field := m.Descriptor().Fields().ByName("options")
	if !m.Has(field) {
		return nil
	}
	return m.Get(field).Message().Interface()
}

// options adds the extensions that options of a file have, and the types of values
// of type Any in them.
func (c *cut) options(opts proto.Message, user *descriptorpb.FileDescriptorProto) {
	if opts == nil {
		return
	}
	opts.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		e := c.elements[string(field.FullName())]
		if !field.IsExtension() || e == nil || c.add(e, user, implied) != nil || !c.possible(e) {
			return true
		}
		eachMessage(field, value, func(m protoreflect.Message) {
			if m.Descriptor().FullName() == "google.protobuf.Any" {
				url := m.Get(m.Descriptor().Fields().ByNumber(1)).String()
				c.refer(url[strings.LastIndexByte(url, '/')+1:], user, whole)
			}
		})
		return true
	})
}

// eachMessage calls do with each message in the value of a field.
func eachMessage(field protoreflect.FieldDescriptor, value protoreflect.Value, do func(m protoreflect.Message)) {
	message := func(v protoreflect.Value) {
		do(v.Message())
		v.Message().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			eachMessage(f, v, do)
			return true
		})
	}
	switch {
	case field.Message() == nil:
	case field.IsList():
		for i := range value.List().Len() {
			message(value.List().Get(i))
		}
	case !field.IsMap():
		message(value)
	case field.MapValue().Message() != nil:
		value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			message(v)
			return true
		})
	}
}

// addExtensions adds the extensions of each message that is there as a whole, and
// of those that come with them: Buf finds the latter in some runs only.
func (c *cut) addExtensions() error {
	done := map[*element]bool{}
	for {
		var next []*element
		for of, extensions := range c.extensions {
			if e := c.elements[of]; c.parts[e] == whole && !done[e] {
				done[e] = true
				next = append(next, extensions...)
			}
		}
		if len(next) == 0 {
			return nil
		}
		for _, x := range next {
			if c.possible(x) || c.all && c.parts[x] != excluded {
				if err := c.add(x, nil, whole); err != nil {
					return err
				}
			}
		}
	}
}
