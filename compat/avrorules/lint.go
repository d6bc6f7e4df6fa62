package avrorules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// LintRules returns the rules of style for Avro schemas.
func LintRules() []*rule.Rule {
	return []*rule.Rule{lintTypeName, lintFieldName, lintSymbolName, lintDoc, lintNullDefault, lintNullFirst, lintEnumDefault, lintTime, lintMoney, lintNamespace, lintLenient}
}

func lintRule(id, title, why, before, after, instead string) *rule.Rule {
	return &rule.Rule{ID: "AVRO_LINT_" + id, Severity: rule.Warning, Fix: instead + ".",
		Doc: title + "\n\n" + why + "\n\nBefore:\n\n    " + before + "\n\nAfter:\n\n    " + after + "\n\nInstead: " + instead + "."}
}

var (
	lintTypeName    = lintRule("TYPE_NAME", "names of types are PascalCase", "They become the names of generated types.", `"name": "order_placed"`, `"name": "OrderPlaced"`, "rename the type and keep the old name as an alias")
	lintFieldName   = lintRule("FIELD_NAME", "fields of a record are snake_case or camelCase, all alike", "Readers guess the name of a field from those of its neighbours.", `"order_id" beside "createdAt"`, `"order_id" beside "created_at"`, "rename the field and keep the old name as an alias")
	lintSymbolName  = lintRule("SYMBOL_NAME", "symbols of enums are UPPER_SNAKE_CASE", "It is how constants are written.", `"symbols": ["open"]`, `"symbols": ["OPEN"]`, "rename the symbol before it is in use")
	lintDoc         = lintRule("DOC_MISSING", "records and enums have a doc", "Others have to know what it means without asking.", `{"type": "record", "name": "Order"}`, `{"type": "record", "name": "Order", "doc": "An order as it was placed."}`, "add a doc")
	lintNullDefault = lintRule("NULL_DEFAULT_MISSING", "a field that may be null has a default", "Without a default the field can neither be removed nor read from data without it.", `{"name": "note", "type": ["null", "string"]}`, `{"name": "note", "type": ["null", "string"], "default": null}`, "add a default of null")
	lintNullFirst   = lintRule("NULL_NOT_FIRST", "null comes first in a union with a default of null", "Before Avro 1.12 a default had to be of the first branch, and older libraries refuse the schema.", `"type": ["string", "null"], "default": null`, `"type": ["null", "string"], "default": null`, "put null first")
	lintEnumDefault = lintRule("ENUM_DEFAULT_MISSING", "an enum has a default", "A reader without a default cannot read a symbol that was added later.", `"symbols": ["OPEN"]`, `"symbols": ["UNKNOWN", "OPEN"], "default": "UNKNOWN"`, "add a default symbol")
	lintTime        = lintRule("TIME_WITHOUT_TYPE", "a long that is a time says so", "Nobody can tell milliseconds from microseconds.", `{"name": "created_at", "type": "long"}`, `{"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}`, "add a logicalType")
	lintMoney       = lintRule("MONEY_AS_FLOAT", "amounts of money are no binary fractions", "A double cannot hold 0.10, and sums drift.", `{"name": "amount", "type": "double"}`, `{"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}}`, "use a decimal, or a long of the smallest unit")
	lintNamespace   = lintRule("NAMESPACE_MISSING", "the type of a schema has a namespace", "Names without one meet those of everybody else.", `{"type": "record", "name": "Order"}`, `{"type": "record", "name": "Order", "namespace": "shop.orders"}`, "add a namespace")
	lintLenient     = lintRule("LENIENT", "the schema keeps to the specification", "Java lets it pass, and other libraries may refuse it or read it in another way.", `"default": "1" for an int`, `"default": 1`, "write what the specification says")
)

var (
	pascal     = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	snakeField = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	camelField = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	upperSnake = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	timeName   = regexp.MustCompile(`(_at|_time|_ms|[a-z0-9]At|^at|^time)$`)
	moneyName  = regexp.MustCompile(`(?i)(^|_)(amount|price|total)$|[a-z](Amount|Price|Total)$`)
)

// Lint returns what the rules of style find in the types that the text of a schema
// defines, in the order of the text. Only New is set of the positions.
func Lint(s *avro.Schema) []*rule.Finding {
	l := &linter{}
	for _, e := range s.Lint {
		l.report(lintLenient, "", e.Pos, "%s: %s", e.Code, e.Msg)
	}
	for i, t := range s.Named {
		if i == 0 && t == s.Root && !strings.Contains(t.Name, ".") {
			l.report(lintNamespace, t.ShortName(), t.NamePos, "%s has no namespace", t.Name)
		}
		l.named(t)
	}
	return l.found
}

type linter struct{ found []*rule.Finding }

func (l *linter) report(r *rule.Rule, path string, at lang.Pos, format string, args ...any) {
	l.found = append(l.found, &rule.Finding{Rule: r, Path: path, New: at, Message: fmt.Sprintf(format, args...)})
}

func (l *linter) named(t *avro.Type) {
	name := t.ShortName()
	if !pascal.MatchString(name) {
		l.report(lintTypeName, name, t.NamePos, "the name of %s %s is not PascalCase", t.Kind, name)
	}
	if t.Doc == "" && t.Kind != avro.Fixed {
		l.report(lintDoc, name, t.NamePos, "%s %s has no doc", t.Kind, name)
	}
	switch t.Kind {
	case avro.Enum:
		for _, s := range t.Symbols {
			if !upperSnake.MatchString(s.Name) {
				l.report(lintSymbolName, name+"."+s.Name, s.Pos, "symbol %s of enum %s is not UPPER_SNAKE_CASE", s.Name, name)
			}
		}
		if !t.HasDefault {
			l.report(lintEnumDefault, name, t.NamePos, "enum %s has no default", name)
		}
	case avro.Record:
		l.record(t)
	}
}

func (l *linter) record(t *avro.Type) {
	snake := 0 // more than zero if most names that tell are snake_case
	for _, f := range t.Fields {
		if strings.Contains(f.Name, "_") {
			snake++
		} else if strings.ToLower(f.Name) != f.Name {
			snake--
		}
	}
	style, want := camelField, "camelCase"
	if snake >= 0 {
		style, want = snakeField, "snake_case"
	}
	for _, f := range t.Fields {
		path := t.ShortName() + "." + f.Name
		if !style.MatchString(f.Name) {
			l.report(lintFieldName, path, f.NamePos, "field %s is not %s as the other fields of %s are", f.Name, want, t.ShortName())
		}
		l.nullable(f, path)
		for _, b := range branches(f.Type) {
			if b.Kind == avro.Long && b.Logical == avro.NoLogical && timeName.MatchString(f.Name) {
				l.report(lintTime, path, f.TypePos, "field %s is a long that looks like a time and has no logicalType", f.Name)
			}
			if (b.Kind == avro.Float || b.Kind == avro.Double) && moneyName.MatchString(f.Name) {
				l.report(lintMoney, path, f.TypePos, "field %s looks like money and is a %s", f.Name, b.Kind)
			}
		}
	}
}

func branches(t *avro.Type) []*avro.Type {
	if t.Kind == avro.Union {
		return t.Branches
	}
	return []*avro.Type{t}
}

func (l *linter) nullable(f *avro.Field, path string) {
	if f.Type.Kind != avro.Union {
		return
	}
	at := -1
	for i, b := range f.Type.Branches {
		if b.Kind == avro.Null {
			at = i
		}
	}
	switch {
	case at < 0:
	case f.Default == nil:
		l.report(lintNullDefault, path, f.NamePos, "field %s may be null and has no default", f.Name)
	case f.Default.Kind == lang.Null && at > 0:
		l.report(lintNullFirst, path, f.TypePos, "field %s has a default of null, and null is branch %d of its union", f.Name, at+1)
	}
}
