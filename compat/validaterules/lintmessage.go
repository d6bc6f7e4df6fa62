package validaterules

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Numbers of fields of buf.validate.MessageRules, MessageOneofRule and
// PredefinedRules.
const (
	messageCEL, messageOneof, messageCELExpression = 3, 4, 5

	oneofFields   = 1
	predefinedCEL = 1
)

// LintMessage returns the mistakes in the constraints of a message itself, without
// those of its fields.
func LintMessage(m protoreflect.MessageDescriptor) []Mistake {
	c := rulesOf(m)
	if c.err != nil {
		return []Mistake{{Path: []int32{optionNumber}, Message: fmt.Sprintf("Message %q has constraints that cannot be read: %v.", m.Name(), c.err)}}
	}
	rules, ok := interfaceOf(c.rules).(*validate.MessageRules)
	if !ok {
		return nil
	}
	var found []Mistake
	add := func(path []int32, format string, args ...any) {
		found = append(found, Mistake{append([]int32{optionNumber}, path...), fmt.Sprintf(format, args...)})
	}
	lintOneofs(m, rules.GetOneof(), add)
	env := messageEnvironment(m)
	celRules{env: env, what: fmt.Sprintf("message %q", m.Name()), name: "(buf.validate.message).cel", expression: "(buf.validate.message).cel.expression"}.
		lint(rules.GetCel(), func(i int, text string) { add([]int32{messageCEL, int32(i)}, "%s", text) })
	lone := celRules{env: env, what: fmt.Sprintf("message %q", m.Name()), expression: "(buf.validate.message).cel_expression"}
	lone.lint(expressions(rules.GetCelExpression()), func(i int, text string) { add([]int32{messageCELExpression, int32(i)}, "%s", text) })
	return found
}

// lintOneofs checks groups of fields of which at most one may be set.
func lintOneofs(m protoreflect.MessageDescriptor, oneofs []*validate.MessageOneofRule, add func(path []int32, format string, args ...any)) {
	in := map[string][]int32{} // the groups of each field
	for i, o := range oneofs {
		if len(o.GetFields()) == 0 {
			add([]int32{messageOneof, int32(i)}, "Message %q has a (buf.validate.message).oneof entry with no fields. Each oneof entry must specify at least one field.", m.Name())
		}
		seen := map[string]bool{}
		for j, name := range o.GetFields() {
			at := []int32{messageOneof, int32(i), oneofFields, int32(j)}
			switch {
			case seen[name]:
				add(at, "Message %q has a (buf.validate.message).oneof entry that references field %q more than once. Duplicate field names are not permitted.", m.Name(), name)
			case m.Fields().ByName(protoreflect.Name(name)) == nil:
				add(at, "Message %q has a (buf.validate.message).oneof entry that references field %q, which is not defined in the message.", m.Name(), name)
			default:
				in[name] = append(in[name], int32(i))
			}
			seen[name] = true
		}
	}
	for name, groups := range in {
		for _, i := range groups {
			if len(groups) > 1 {
				add([]int32{messageOneof, i}, "Message %q references field %q in more than one (buf.validate.message).oneof entry. A field may only appear in one oneof entry.", m.Name(), name)
			}
		}
	}
}

// celRules is what expressions in CEL belong to, in messages.
type celRules struct {
	what             string // such as message "M"
	name, expression string // of the option and of its text
	env              func() (*cel.Env, error)
}

// lint checks ids, and compiles expressions.
func (c celRules) lint(rules []*validate.Rule, add func(i int, text string)) {
	capital := strings.ToUpper(c.what[:1]) + c.what[1:]
	byID := map[string][]int{}
	for i, r := range rules {
		if id := r.GetId(); id != "" {
			if strings.ContainsFunc(id, func(ch rune) bool { return !isIDChar(ch) }) {
				add(i, capital+" has invalid characters for "+c.name+".id. IDs must contain only characters a-z, A-Z, 0-9, '.', '_', '-'.")
			}
			byID[id] = append(byID[id], i)
		}
		if strings.TrimSpace(r.GetExpression()) == "" {
			add(i, capital+" has an empty "+c.expression+". Expressions should always be specified.")
			continue
		}
		mistakes, text := c.compile(r.GetExpression())
		for _, m := range mistakes {
			add(i, m)
		}
		if text && r.GetMessage() != "" {
			add(i, capital+" has a "+c.name+" with an expression that evaluates to a string, and also has a message. The message is redundant - since the expression evaluates to a string, its result will be printed instead of the message, so the message should be removed.")
		}
	}
	for id, list := range byID {
		for _, i := range list {
			if len(list) > 1 {
				add(i, fmt.Sprintf("%s.id (%q) is not unique within %s.", c.name, id, c.what))
			}
		}
	}
}

func isIDChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

func expressions(texts []string) []*validate.Rule {
	var out []*validate.Rule
	for _, text := range texts {
		out = append(out, &validate.Rule{Expression: &text})
	}
	return out
}

func (l *fieldLint) cel(rules *validate.FieldRules, f protoreflect.FieldDescriptor, list bool) {
	env := fieldEnvironment(f, !list)
	what := fmt.Sprintf("field %q", l.outer.Name())
	at := func(name string) func(int, string) {
		return func(i int, text string) {
			l.addAt([]string{name}, i, "")
			(*l.found)[len(*l.found)-1].Message = text
		}
	}
	celRules{what, l.name("cel"), l.name("cel", "expression"), env}.lint(rules.GetCel(), at("cel"))
	celRules{what, "", l.name("cel_expression"), env}.lint(expressions(rules.GetCelExpression()), at("cel_expression"))
}

// lintPredefined checks an extension that is a constraint of its own.
func lintPredefined(f protoreflect.FieldDescriptor, found *[]Mistake) {
	of := f.ContainingMessage()
	if !f.IsExtension() || of.ParentFile().Package() != "buf.validate" || !strings.HasSuffix(string(of.Name()), "Rules") || f.Options() == nil {
		return
	}
	raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(f.Options())
	options := new(descriptorpb.FieldOptions)
	if err == nil {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(raw, options)
	}
	if err != nil || !proto.HasExtension(options, validate.E_Predefined) {
		return
	}
	rules := proto.GetExtension(options, validate.E_Predefined).(*validate.PredefinedRules)
	celRules{"extension field", "(buf.validate.predefined).cel", "(buf.validate.predefined).cel.expression", predefinedEnvironment(f)}.
		lint(rules.GetCel(), func(i int, text string) {
			*found = append(*found, Mistake{[]int32{predefinedNumber, predefinedCEL, int32(i)}, text})
		})
}
