package compat

import (
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

func protobufLanguage() Language {
	return Language{
		Type:  lang.Protobuf,
		Rules: append(protorules.Table(), validaterules.Table()...),
		Check: func(_ Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
			n, ok := newer.(*protobuf.Schema)
			o, ok2 := older.(*protobuf.Schema)
			if !ok || !ok2 {
				return []*rule.Finding{notOurs(newer, older, dir)}
			}
			found := protorules.Check(n, o)
			constraints := validaterules.Check(n, o, dir)
			if dir == rule.Readers {
				return append(found, constraints...)
			}
			out := protorules.CheckOldReaders(n, o)
			for _, f := range found {
				// The registry's verdicts have a direction. What is Buf's alone
				// has none: it counts under FORWARD too, but says nothing of
				// old readers.
				if f.ErrorType == "" {
					f.Breaks = 0
					out = append(out, f)
				}
			}
			return append(out, constraints...)
		},
	}
}

func jsonLanguage() Language {
	return Language{
		Type:  lang.JSON,
		Rules: jsonrules.Table(),
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
