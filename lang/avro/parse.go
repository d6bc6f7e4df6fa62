package avro

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/lang"
)

// Codes of mistakes that make a schema unusable, for Java Avro 1.12 as for us.
const (
	CodeTypeMissing      = "AVRO_TYPE_MISSING"
	CodeTypeInvalid      = "AVRO_TYPE_INVALID"
	CodeNameMissing      = "AVRO_NAME_MISSING"
	CodeNameInvalid      = "AVRO_NAME_INVALID"
	CodeNameReserved     = "AVRO_NAME_RESERVED"
	CodeNameDuplicate    = "AVRO_NAME_DUPLICATE"
	CodeNameUnknown      = "AVRO_NAME_UNKNOWN"
	CodeAliasInvalid     = "AVRO_ALIAS_INVALID"
	CodeFieldsMissing    = "AVRO_FIELDS_MISSING"
	CodeFieldInvalid     = "AVRO_FIELD_INVALID"
	CodeFieldDuplicate   = "AVRO_FIELD_DUPLICATE"
	CodeOrderInvalid     = "AVRO_ORDER_INVALID"
	CodeDefaultInvalid   = "AVRO_DEFAULT_INVALID"
	CodeSymbolsMissing   = "AVRO_SYMBOLS_MISSING"
	CodeSymbolInvalid    = "AVRO_SYMBOL_INVALID"
	CodeSymbolDuplicate  = "AVRO_SYMBOL_DUPLICATE"
	CodeItemsMissing     = "AVRO_ITEMS_MISSING"
	CodeSizeInvalid      = "AVRO_SIZE_INVALID"
	CodeUnionNested      = "AVRO_UNION_NESTED"
	CodeUnionDuplicate   = "AVRO_UNION_DUPLICATE"
	CodeReferenceTooMany = "AVRO_REFERENCES_LIMIT"
	CodeTypesTooMany     = "AVRO_TYPES_LIMIT"
	CodeMistakesTooMany  = "AVRO_MISTAKES_LIMIT"
)

// maxTypes is how many types one text may write, names of types included.
const maxTypes = 100_000

// How many mistakes of one text are told; and how many places that Java lets pass.
const (
	maxMistakes = 100
	maxLint     = 1000
)

// Codes of what the specification forbids and Java Avro 1.12 lets pass; see
// [Schema.Lint].
const (
	LintComment          = "AVRO_COMMENT"
	LintKeyDuplicate     = "AVRO_KEY_DUPLICATE"
	LintNameCharacters   = "AVRO_NAME_CHARACTERS"
	LintNamePrimitive    = "AVRO_NAME_PRIMITIVE"
	LintNameForward      = "AVRO_NAME_FORWARD"
	LintNameFallback     = "AVRO_NAME_FALLBACK"
	LintNameRepeated     = "AVRO_NAME_REPEATED"
	LintAttributeType    = "AVRO_ATTRIBUTE_TYPE"
	LintAlias            = "AVRO_ALIAS_LENIENT"
	LintLogicalInvalid   = "AVRO_LOGICAL_INVALID"
	LintLogicalMisplaced = "AVRO_LOGICAL_MISPLACED"
	LintDefault          = "AVRO_DEFAULT_LENIENT"
	LintOrder            = "AVRO_ORDER_LENIENT"
)

// Parse reads one schema. The texts of its references are parsed before it, each
// after its own references, and the types that they define can be named in it;
// where two of those texts define a name, the first holds.
//
// Parse accepts what Java Avro 1.12 accepts: comments, names that are defined
// further down, and what else people's files hold. What the specification says
// against it is in [Schema.Lint]. The error is a [lang.ErrorList] with the
// mistakes of the text, at most a hundred. Parse keeps nothing between calls.
func Parse(src lang.Source) (*Schema, error) {
	s, _, err := parse(src, manner{})
	return s, err
}

// ParseLenient is [Parse] for schemas that are in use already: as in Java with
// its checks switched off, names may have any characters and a default need not
// fit its type. [Schema.CheckStrict] says what Parse would have said.
func ParseLenient(src lang.Source) (*Schema, error) {
	s, _, err := parse(src, manner{lenient: true})
	return s, err
}

// CheckStrict returns what a registry refuses in a new schema and puts up with
// in one that it has, as a [lang.ErrorList], or nil: names that Java refuses, and
// defaults that do not fit. The texts of references are not looked at.
func (s *Schema) CheckStrict() error { return s.strict.Err() }

// A manner says how strictly a text is read.
type manner struct {
	open    bool // names that nobody defines are returned instead of being mistakes
	lenient bool // bad names and defaults are kept in Schema.strict instead
}

func parse(src lang.Source, how manner) (*Schema, []string, error) {
	sc := &scope{types: map[string]*Type{}, lenient: how.lenient}
	if !how.open {
		if err := sc.addReferences(src.References); err != nil {
			return nil, nil, err
		}
	}
	s, unknown, err := sc.parseText(src, how.open, false)
	if err != nil {
		return nil, nil, err
	}
	s.foreign = sc.types
	if len(unknown) == 0 { // else some types are missing and nothing can be printed
		s.canonical = s.print(false)
	}
	return s, unknown, nil
}

// A scope holds the named types of references.
type scope struct {
	types   map[string]*Type
	seen    []*lang.Source // texts that were added or are being added
	lenient bool
}

// addReferences parses the texts of refs, depth first, and adds what they define.
func (sc *scope) addReferences(refs []lang.Reference) error {
	for _, ref := range refs {
		if ref.Source == nil || sc.types[ref.Name] != nil || slices.Contains(sc.seen, ref.Source) {
			continue
		}
		if len(sc.seen) >= lang.MaxReferences {
			return lang.ErrorList{{
				Pos: lang.Pos{Path: ref.Source.Path}, Code: CodeReferenceTooMany,
				Msg: fmt.Sprintf("the reference %q is one too many; at most %d texts are drawn in", ref.Name, lang.MaxReferences),
			}}
		}
		sc.seen = append(sc.seen, ref.Source)
		if err := sc.addReferences(ref.Source.References); err != nil {
			return err
		}
		s, _, err := sc.parseText(*ref.Source, false, true)
		if err != nil {
			return err
		}
		for _, t := range s.Named {
			if sc.types[t.Name] == nil {
				sc.types[t.Name] = t
			}
		}
	}
	return nil
}

// parseText parses one text against the scope.
func (sc *scope) parseText(src lang.Source, open, isReference bool) (*Schema, []string, error) {
	v, comments, err := lang.ParseJSONComments(src.Path, src.Text)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{scope: sc.types, local: map[string]*Type{}, isUnknown: map[string]bool{}, isReference: isReference, isOpen: open, isLenient: sc.lenient, refs: src.References}
	for _, pos := range comments {
		p.lintf(pos, LintComment, "a comment, which JSON does not have; expected it in a \"doc\" attribute")
	}
	s := &Schema{src: src}
	p.schema(v, "", func(t *Type) { s.Root = t })
	p.resolve()
	for _, check := range p.checks {
		check()
	}
	inOrder(p.errs)
	inOrder(p.lint)
	inOrder(p.strict)
	if err := p.errs.Err(); err != nil {
		return nil, nil, err
	}
	s.Named, s.Lint, s.strict = p.named, p.lint, p.strict
	return s, p.unknown, nil
}

// A parser holds what is known about one text while it is read.
type parser struct {
	scope       map[string]*Type // by full name, from references
	local       map[string]*Type // by full name, of this text
	named       []*Type
	uses        []use
	checks      []func() // run when every name is resolved
	refs        []lang.Reference
	isReference bool // a name that the scope has too is no mistake
	isOpen      bool // an unknown name is no mistake
	isLenient   bool // mistakes in names and defaults go to strict
	unknown     []string
	isUnknown   map[string]bool // what is in unknown, or was reported
	types       int             // written so far
	defaults    defaultCheck
	errs        lang.ErrorList
	strict      lang.ErrorList
	lint        lang.ErrorList
}

func (p *parser) errorf(pos lang.Pos, code, format string, args ...any) {
	tell(&p.errs, maxMistakes, pos, code, format, args...)
}

// mildf reports a mistake that a lenient parse puts up with.
func (p *parser) mildf(pos lang.Pos, code, format string, args ...any) {
	if p.isLenient {
		tell(&p.strict, maxMistakes, pos, code, format, args...)
	} else {
		p.errorf(pos, code, format, args...)
	}
}

func (p *parser) lintf(pos lang.Pos, code, format string, args ...any) {
	tell(&p.lint, maxLint, pos, code, format, args...)
}

// tell adds a mistake to a list of so many at most. It ends with one that says
// that there are more.
func tell(list *lang.ErrorList, most int, pos lang.Pos, code, format string, args ...any) {
	switch n := len(*list); {
	case n < most:
		*list = append(*list, &lang.Error{Pos: pos, Code: code, Msg: fmt.Sprintf(format, args...)})
	case n == most:
		*list = append(*list, &lang.Error{Pos: pos, Code: CodeMistakesTooMany, Msg: fmt.Sprintf("there are more mistakes than these %d", most)})
	}
}

// inOrder sorts a list of mistakes by their place; the last one of a full list
// stays the last.
func inOrder(list lang.ErrorList) {
	if n := len(list); n > 0 && list[n-1].Code == CodeMistakesTooMany {
		list = list[:n-1]
	}
	slices.SortStableFunc(list, func(a, b *lang.Error) int { return cmp.Compare(a.Pos.Start, b.Pos.Start) })
}

// schema reads one type and hands it to set: at once, or when the name that v
// is has been resolved. After a mistake set may never be called.
func (p *parser) schema(v *lang.Value, space string, set func(*Type)) {
	if len(p.errs) > maxMistakes {
		return
	}
	if p.types++; p.types > maxTypes {
		if p.types == maxTypes+1 {
			p.errorf(v.Pos, CodeTypesTooMany, "this type is one too many; one text may write at most %d", maxTypes)
		}
		return
	}
	switch v.Kind {
	case lang.String:
		p.name(v.Str, v.Pos, v.Pos, space, set)
	case lang.Object:
		p.object(v, space, set)
	case lang.Array:
		p.union(v, space, set)
	default:
		p.errorf(v.Pos, CodeTypeInvalid, "found %s, expected a type: a name, an object or an array of types", describe(v))
	}
}

// object reads a type that is written as an object.
func (p *parser) object(v *lang.Value, space string, set func(*Type)) {
	p.duplicateKeys(v)
	typ := v.Get("type")
	if typ == nil {
		p.errorf(v.Pos, CodeTypeMissing, "an object without \"type\", expected one such as \"record\"")
		return
	}
	if typ.Kind != lang.String {
		p.errorf(typ.Pos, CodeTypeInvalid, "the \"type\" of a type is %s, expected the name of a type; write the inner type without the outer object", describe(typ))
		return
	}
	t := &Type{Pos: v.Pos, NamePos: v.Pos}
	switch typ.Str {
	case "record", "error":
		t.Kind, t.IsError = Record, typ.Str == "error"
		p.record(v, t, space, set)
	case "enum":
		t.Kind = Enum
		p.enum(v, t, space, set)
	case "fixed":
		t.Kind = Fixed
		p.fixed(v, t, space, set)
	case "array":
		t.Kind = Array
		set(t)
		p.elements(v, t, "items", space)
	case "map":
		t.Kind = Map
		set(t)
		p.elements(v, t, "values", space)
	default:
		kind, ok := primitive(typ.Str)
		if !ok { // a reference in the clothes of an object; its attributes mean nothing
			p.name(typ.Str, typ.Pos, v.Pos, space, set)
			return
		}
		t.Kind = kind
		set(t)
	}
	t.Props = props(v, isTypeAttribute(t.Kind))
	p.logical(v, t)
}

// elements reads the type of the items of an array or of the values of a map.
func (p *parser) elements(v *lang.Value, t *Type, key, space string) {
	items := v.Get(key)
	if items == nil {
		p.errorf(v.Pos, CodeItemsMissing, "%s without %q, expected the type of its %s", withArticle(t.Kind.String()), key, key)
		return
	}
	t.ItemsPos = items.Pos
	p.schema(items, space, func(item *Type) { t.Items = item })
}

func (p *parser) union(v *lang.Value, space string, set func(*Type)) {
	t := &Type{Kind: Union, Pos: v.Pos, NamePos: v.Pos}
	t.Branches = make([]*Type, len(v.Items))
	t.BranchPos = make([]lang.Pos, len(v.Items))
	set(t)
	for i, item := range v.Items {
		t.BranchPos[i] = item.Pos
		if item.Kind == lang.Array {
			p.errorf(item.Pos, CodeUnionNested, "a union directly inside a union, expected its branches in the outer one")
			continue
		}
		p.schema(item, space, func(b *Type) { t.Branches[i] = b })
	}
	p.checks = append(p.checks, func() { p.distinct(t) })
}

// distinct reports branches of a union that a reader cannot tell apart.
func (p *parser) distinct(t *Type) {
	first := map[string]lang.Pos{}
	for i, b := range t.Branches {
		if b == nil || b.Kind.IsNamed() && b.Name == "" {
			continue // a mistake that is reported already
		}
		name := b.label()
		if at, dup := first[name]; dup {
			p.errorf(t.BranchPos[i], CodeUnionDuplicate, "%s is in the union twice, first at %d:%d; expected each type once", name, at.Line, at.Col)
			continue
		}
		first[name] = t.BranchPos[i]
	}
}

// duplicateKeys reports keys that occur twice; the last one holds.
func (p *parser) duplicateKeys(v *lang.Value) {
	first := make(map[string]lang.Pos, len(v.Members))
	for _, m := range v.Members {
		if at, dup := first[m.Key]; dup {
			p.lintf(m.KeyPos, LintKeyDuplicate, "the key %q occurs twice, first at %d:%d; expected it once", m.Key, at.Line, at.Col)
			continue
		}
		first[m.Key] = m.KeyPos
	}
}
