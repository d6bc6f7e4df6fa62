package compat

import (
	"slices"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/validaterules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func avroLanguage() Language {
	return Language{
		Type:  lang.Avro,
		Rules: avrorules.Table(),
		Check: func(_ Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*avro.Schema)
			o, ok2 := older.(*avro.Schema)
			if !ok || !ok2 {
				return []*rule.Finding{notOurs(newer, older, dir)}
			}
			return avrorules.Check(n, o, dir)
		},
	}
}

// Protobuf returns the rules of Protobuf: the registry's, and for [Checker.Check]
// also those of Buf in set and those on constraints.
func Protobuf(set protorules.Set) Language {
	return Language{
		Type:  lang.Protobuf,
		Rules: slices.Concat(protorules.Table(), protorules.NarrowTable(), validaterules.Table()),
		Check: func(_ Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*protobuf.Schema)
			o, ok2 := older.(*protobuf.Schema)
			switch {
			case !ok || !ok2:
				return []*rule.Finding{notOurs(newer, older, dir)}
			case dir == rule.Readers:
				return protorules.Check(n, o)
			}
			return protorules.CheckOldReaders(n, o)
		},
		Gate: func(newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*protobuf.Schema)
			o, ok2 := older.(*protobuf.Schema)
			if !ok || !ok2 {
				return []*rule.Finding{notOurs(newer, older, dir)}
			}
			found := protorules.Gate(n, o, set, dir)
			for _, f := range protorules.Narrowed(n, o, dir) {
				// A rule of types says more where one speaks of the same field.
				if !slices.ContainsFunc(found, func(g *rule.Finding) bool { return g.Rule.Severity == rule.Error && g.New == f.New }) {
					found = append(found, f)
				}
			}
			return append(found, validaterules.Check(n, o, dir)...)
		},
	}
}

// wireJSON is Buf's category for what is exchanged as bytes or as JSON.
func wireJSON() protorules.Set {
	// The category is known: there is no error.
	set, _, _ := protorules.Select("v2", []string{"WIRE_JSON"}, nil)
	return set
}

func jsonLanguage() Language {
	return Language{
		Type:  lang.JSON,
		Rules: append(jsonrules.Table(), jsonrules.RegretTable()...),
		Check: func(policy Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*jsonschema.Schema)
			o, ok2 := older.(*jsonschema.Schema)
			if !ok || !ok2 {
				return []*rule.Finding{notOurs(newer, older, dir)}
			}
			if policy == Lenient {
				return jsonrules.Check(n, o, dir, jsonrules.Lenient)
			}
			return jsonrules.Check(n, o, dir, jsonrules.Strict)
		},
		Gate: func(newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*jsonschema.Schema)
			o, ok2 := older.(*jsonschema.Schema)
			if !ok || !ok2 {
				return []*rule.Finding{notOurs(newer, older, dir)}
			}
			return append(jsonrules.Check(n, o, dir, jsonrules.Strict), jsonrules.Regrets(n, o, dir)...)
		},
	}
}

// notOurs refuses a schema that another implementation of the language parsed:
// the rules need the model of this module's parser.
func notOurs(newer, older lang.Schema, dir rule.Breaks) *rule.Finding {
	return &rule.Finding{
		Rule: noRules, Breaks: dir, New: start(newer), Old: start(older), ErrorType: noRules.ErrorType, Pointer: "/",
		Message: "the schema was not parsed by this module, so its rules cannot read it",
	}
}
